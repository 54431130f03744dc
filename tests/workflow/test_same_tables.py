"""The same tables, whatever the shards, batches, cores and the run."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from studies import results, run_snakemake, without_rivals


def test_tables_do_not_depend_on_shards_batches_or_cores(study, root, tmp_path) -> None:
    folder, config = study
    for name in ["models", "pictures", "prompts.txt"]:
        (tmp_path / name).symlink_to(folder / name)
    models = {name: entry | {"autoencoder": {"batch_size": 3}} for name, entry in config["models"].items()}
    other = config | {"shard_size": 8, "models": models, "rivals": []}
    run = run_snakemake(tmp_path, other, cores=1, root=root)
    assert run.returncode == 0, run.stdout
    for table, pattern in [
        ("images", "results/images/*/*"),
        ("homogeneity", "results/homogeneity/*/*"),
        ("losses", "results/losses/*/*/*"),
        ("accuracy", "results/accuracy.parquet"),
        ("thresholds", "results/thresholds.parquet"),
    ]:
        expected = without_rivals(results(folder, table, pattern))
        pd.testing.assert_frame_equal(expected, results(tmp_path, table, pattern), rtol=1e-4)


def test_the_same_jobs_give_identical_tables(study, root) -> None:
    def read(path: Path) -> tuple[pd.DataFrame, dict[bytes, bytes]]:
        table = pq.read_table(path)
        metadata = table.schema.metadata or {}
        # Seconds and memory are no result.
        return table.to_pandas(), {key: value for key, value in metadata.items() if key != b"aedr.cost"}

    folder, config = study
    # The table of methods is one of seconds.
    kept = {path: read(path) for path in (folder / "results").rglob("*.parquet") if path.stem != "methods"}
    run = run_snakemake(folder, config, "--forcerun", "import_images", "read_prompts", root=root)
    assert run.returncode == 0, run.stdout
    for path, (table, metadata) in kept.items():
        again, metadata_again = read(path)
        pd.testing.assert_frame_equal(again, table, check_exact=True)
        assert metadata_again == metadata
