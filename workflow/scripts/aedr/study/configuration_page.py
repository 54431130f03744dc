"""The reference page of the configuration, from its schema: python -m aedr.study.configuration_page SCHEMA > PAGE."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

HEAD = """# Configuration

Every key of the configuration. This page is made from `workflow/schemas/config.schema.yaml` by `make config/README.md`.
Keys that are not listed here are refused. `config.yaml` is the study of the paper's eight models, `paper.yaml`
over it the paper's own protocol, `demo.yaml` the embedded study;
`demo/` contains its control and variants.
"""


def configuration_page(schema: Mapping[str, Any]) -> str:
    """Return the page in Markdown: a table for the top level and one for each definition."""
    parts = [HEAD, "## Top level\n", *_table(schema)]
    for definition in schema["definitions"].values():
        parts += [f"\n## `{definition['title']}`\n", *_table(definition)]
    return "\n".join(parts) + "\n"


def _table(part: Mapping[str, Any]) -> Iterator[str]:
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for key, entry in part["properties"].items():
        needed = key in part.get("required", [])
        default = "(required)" if needed else f"`{json.dumps(entry['default'])}`" if "default" in entry else "see below"
        if part.get("maxProperties") == 1:
            default = "(one of these)"
        meaning = entry.get("description") or f"See `{key}` below."
        yield f"| `{key}` | {_values(entry)} | {default} | {meaning} |"


def _values(entry: Mapping[str, Any]) -> str:
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if "oneOf" in entry or "$ref" in entry:
        choices = entry.get("oneOf", [entry])
        return " or ".join("mapping" if "$ref" in choice else str(choice["type"]) for choice in choices)
    kinds = entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
    names = {"object": "mapping", "array": "list"}
    return " or ".join(names.get(str(kind), str(kind)) for kind in kinds)


if __name__ == "__main__":
    print(configuration_page(yaml.safe_load(Path(sys.argv[1]).read_text())), end="")
