"""A configuration's file: refused where Snakemake would run code in it, or take it for something else than it looks.

Snakemake reads the configuration before the workflow can look at it. To check a stranger's configuration first:

    PYTHONPATH=workflow/scripts python -m aedr.study.configuration_file FILE
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from aedr.errors import UserError
from aedr.study.configuration import check_configuration, complete_configuration

SCHEMA = Path(__file__).parents[3] / "schemas" / "config.schema.yaml"

# Far more than a study of thirty models has. Aliases of aliases, each written once, can stand for billions.
MOST_VALUES = 100_000
# With this key Snakemake takes the file for a template and runs the Python code in it.
TEMPLATE_KEY = "__use_yte__"


def check_configuration_file(path: str | Path) -> None:
    """Refuse a YAML file that is a template, gives a key twice, of which YAML would drop the first, or is endless.

    Raises:
        UserError: any of these, or the file is not UTF-8 or not YAML.
    """
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        """Return how many values a node stands for, everything that aliases repeat counted anew."""
        if id(node) not in sizes:
            # A node that is met again before it is done holds itself.
            sizes[id(node)] = MOST_VALUES + 1
            inner = list(node.value) if isinstance(node, yaml.SequenceNode) else []
            if isinstance(node, yaml.MappingNode):
                _check_keys(node, path)
                inner = [value for _, value in node.value]
            sizes[id(node)] = 1 + sum(size(value) for value in inner)
        return sizes[id(node)]

    try:
        document = yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        if document is not None and size(document) > MOST_VALUES:
            raise UserError(f"{path}: its aliases stand for more than {MOST_VALUES} values, or for themselves.")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deep to be a configuration.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no YAML: {error}. Indent with spaces, a JSON file too.") from None


def _check_keys(mapping: yaml.MappingNode, path: str | Path) -> None:
    seen = set()
    for key, _ in mapping.value:
        where = f"{path}, line {key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(f"{where}: a list or mapping is no key. Keys are words.")
        if key.value == TEMPLATE_KEY:
            raise UserError(
                f"{where}: {TEMPLATE_KEY} makes the file a template, whose code Snakemake runs before this message can "
                "come. Write plain YAML."
            )
        if key.value in seen:
            raise UserError(f"{where}: {key.value} is given twice.")
        seen.add(key.value)


def main(path: str) -> str | None:
    """Check a configuration's file and what it says, without Snakemake; return what is wrong with it."""
    try:
        check_configuration_file(path)
        check_configuration(complete_configuration(_parse(path), SCHEMA))
    except UserError as error:
        return str(error)
    return None


def _parse(path: str | Path) -> Any:
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    # PyYAML raises almost anything for a value that is not what its tag says, such as `!!timestamp x` or `!!bool x`.
    except Exception as error:
        raise UserError(f"{path} has a value that is not what it seems ({type(error).__name__}: {error}).") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
