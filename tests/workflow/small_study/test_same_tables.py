"""The same tables, whatever the shards, batches, cores and the run."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from studies import UNTRAINED, results, run_snakemake, without_rivals

# The control of `cell_l1` is rounded to whole levels. Where a value lies on a half, the last bit of a batch decides,
# and a value of a picture of 32 pixels changes a loss by 1 / 32^2; a fitted threshold amplifies it. Which values lie
# there depends on the processor. If one picture in twenty has one among its 3072 values, one of a hundred pictures may
# have two, and hardly any has four.
FEW_LEVELS = {"losses": {"rtol": 1e-4, "atol": 3.03 / 32**2}, "thresholds": {"rtol": 0.01}}


def test_tables_do_not_depend_on_shards_batches_or_cores(study, root, tmp_path) -> None:
    folder, config = study
    for name in ["models", "pictures", "prompts.txt"]:
        (tmp_path / name).symlink_to(folder / name)
    autoencoder = UNTRAINED["autoencoder"] | {"batch_size": 3}
    models = {name: entry | {"autoencoder": autoencoder} for name, entry in config["models"].items()}
    other = config | {"shard_size": 10, "models": models, "rivals": []}
    run = run_snakemake(tmp_path, other, cores=1, root=root)
    assert run.returncode == 0, run.stdout
    for table, pattern in [
        ("images", "results/images/*/*"),
        ("homogeneity", "results/homogeneity/*/*"),
        ("losses", "results/losses/*/*/*"),
        ("accuracy", "results/accuracy.parquet"),
        ("thresholds", "results/thresholds.parquet"),
    ]:
        expected, found = without_rivals(results(folder, table, pattern)), results(tmp_path, table, pattern)
        if table in FEW_LEVELS:
            is_rounded = expected["metric"] == "cell_l1"
            pd.testing.assert_frame_equal(expected[is_rounded], found[is_rounded], **FEW_LEVELS[table])
            expected, found = expected[~is_rounded], found[~is_rounded]
        pd.testing.assert_frame_equal(expected, found, rtol=1e-4)


def test_the_same_jobs_give_identical_tables(study, root, tmp_path) -> None:
    def read(path: Path) -> tuple[pd.DataFrame, dict[bytes, bytes]]:
        table = pq.read_table(path)
        metadata = table.schema.metadata or {}
        # Seconds and memory are no result.
        return table.to_pandas(), {key: value for key, value in metadata.items() if key != b"aedr.cost"}

    folder, config = study
    again = tmp_path / "study"
    shutil.copytree(folder, again)
    # The table of methods is one of seconds.
    tables = [path.relative_to(folder) for path in folder.glob("results/**/*.parquet") if path.stem != "methods"]
    written = {path: (again / path).stat().st_mtime_ns for path in tables}
    run = run_snakemake(again, config, *map(str, tables), "--forcerun", "import_images", "read_prompts", root=root)
    assert run.returncode == 0, run.stdout
    kept = {path for path in tables if (again / path).stat().st_mtime_ns == written[path]}
    # What an autoencoder is does not follow from pictures or prompts.
    assert {path.parts[1].removesuffix(".parquet") for path in kept} == {"autoencoders"}
    for path in tables:
        (table, metadata), (table_again, metadata_again) = read(folder / path), read(again / path)
        pd.testing.assert_frame_equal(table_again, table, check_exact=True)
        assert metadata_again == metadata
