"""Checks of a configuration file, which is refused if it would run code or does not mean what it seems to mean.

Snakemake reads the configuration before the workflow can check it. To check a stranger's configuration first:

    PYTHONPATH=workflow/scripts python -m aedr.study.configuration_file FILE
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from aedr.errors import UserError
from aedr.study.configuration import check_configuration, complete_configuration

SCHEMA = Path(__file__).parents[3] / "schemas" / "config.schema.yaml"

# Far more than a study of thirty models has. A few lines of aliases of aliases can stand for billions of values.
MOST_VALUES = 100_000
# With this key, Snakemake treats the file as a template and runs the Python code in it.
TEMPLATE_KEY = "__use_yte__"


def check_configuration_file(path: str | Path) -> None:
    """Refuse a YAML file that is a template, that gives a key twice (YAML would drop the first), or that is endless.

    Raises:
        UserError: any of these, or the file is not UTF-8 or not YAML.
    """
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        """Return how many values a node stands for; what aliases repeat is counted each time."""
        if id(node) not in sizes:
            # A node that is met again before it is done contains itself.
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
        raise UserError(f"{path} is nested too deeply for a configuration.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {error}. Indent with spaces, even in a JSON file.") from None


def _check_keys(mapping: yaml.MappingNode, path: str | Path) -> None:
    seen = set()
    for key, _ in mapping.value:
        where = f"{path}, line {key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(f"{where}: a list or mapping cannot be a key. Use a word.")
        if key.value == TEMPLATE_KEY:
            raise UserError(
                f"{where}: {TEMPLATE_KEY} makes the file a template, whose code Snakemake runs before this check. "
                "Write plain YAML."
            )
        if key.value in seen:
            raise UserError(f"{where}: {key.value} is given twice.")
        seen.add(key.value)


def main(path: str) -> str | None:
    """Check a configuration file and its values without Snakemake; return what is wrong with it."""
    try:
        check_configuration_file(path)
        check_configuration(complete_configuration(_parse(path), SCHEMA))
    except UserError as error:
        return str(error)
    return None


def _parse(path: str | Path) -> Any:
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    # PyYAML can raise almost any error for a value that does not fit its tag, such as `!!timestamp x` or `!!bool x`.
    except Exception as error:
        raise UserError(f"{path} has a value that does not fit its type ({type(error).__name__}: {error}).") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
