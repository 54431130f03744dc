"""Write the study's configuration, with every default filled in, next to its results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aedr.jobs import job


def record_configuration(config: Mapping[str, Any], output: str) -> None:
    """Write `config` as YAML."""
    import yaml

    Path(output).write_text(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True), encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        record_configuration(snakemake.params.config, snakemake.output[0])
