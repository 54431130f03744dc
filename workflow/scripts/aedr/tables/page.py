"""The reference page of the tables, made from their schemas: python -m aedr.tables.page > PAGE."""

from collections.abc import Iterator

import pyarrow as pa

from aedr.tables.columns import COLUMNS, EVIDENCE, INFINITE, MODEL_EVIDENCE, Bounds
from aedr.tables.schemas import TABLES, Table

HEAD = """# Tables

Every Parquet file that the workflow writes. This page is made from `workflow/scripts/aedr/tables/` by
`make docs/tables.md`. Files are checked against it whenever they are written or read. Rows are joined by `image_id`,
never by position. Columns in bold identify a row, alone or together; columns with a question mark may be empty.
`results/` is the folder that `results` names in the configuration.
"""

# The columns whose entries are mappings with fields of their own.
ENTRIES = {"evidence": EVIDENCE, "model_evidence": MODEL_EVIDENCE}


def tables_page() -> str:
    """Return the page in Markdown: a section for each table."""
    return "\n".join([HEAD, *(line for name, table in TABLES.items() for line in _section(name, table))]) + "\n"


def _section(name: str, table: Table) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"`results/{table.path}`: a row is {table.row}.\n"
    yield "| column | type | bounds | meaning |"
    yield "|---|---|---|---|"
    for column in table.columns:
        shown = f"**`{column}`**" if column in table.key else f"`{column}`" + "?" * (column in table.optional)
        bounds, kind = _bounds(table.bounds_of(column)), _type_name(COLUMNS[column].type)
        yield f"| {shown} | {kind} | {bounds} | {COLUMNS[column].meaning} |"
    for entries, fields in ENTRIES.items():
        if entries not in table.columns:
            continue
        yield f"\nEach entry of `{entries}`:\n"
        yield "| field | type | meaning |"
        yield "|---|---|---|"
        for name, field in fields.items():
            yield f"| `{name}` | {_type_name(field.type)} | {field.meaning} |"
    yield ""


def _bounds(bounds: Bounds) -> str:
    lowest, highest = bounds
    if highest == INFINITE:
        return "" if lowest == -INFINITE else f"at least {lowest}"
    return f"{lowest} to {highest}"


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_type_name(kind.value_type)}"
    if pa.types.is_struct(kind):
        names = [part.name for part in kind]
        return (
            "mappings"
            if names in map(list, ENTRIES.values())
            else "; ".join(f"{p.name}: {_type_name(p.type)}" for p in kind)
        )
    return {"double": "float64", "float": "float32"}.get(str(kind), str(kind))


if __name__ == "__main__":
    print(tables_page(), end="")
