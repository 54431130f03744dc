"""A user's mistake: what is said, and that nothing else is."""

import pytest

from studies import run_snakemake


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"shardsize": 5}, "shardsize: unknown key; did you mean shard_size?"),
        ({"select": ["sdxl"]}, "select: sdxl is not a model; the models are sd, vq"),
        ({"image_sets": {"pictures": {"folder": "nowhere"}}}, "nowhere does not exist"),
    ],
)
def test_a_mistake_is_told_before_anything_runs_and_without_a_traceback(study, root, changes, message) -> None:
    folder, config = study
    run = run_snakemake(folder, config | changes, "--dry-run", root=root)
    assert run.returncode == 1
    assert message in run.stdout and "Traceback" not in run.stdout and ".smk" not in run.stdout


def test_a_failing_job_says_why_in_one_line(study, root, tmp_path) -> None:
    folder, config = study
    for name in ["models", "pictures", "prompts.txt"]:
        (tmp_path / name).symlink_to(folder / name)
    (tmp_path / "empty").mkdir()
    models = {"sd": config["models"]["sd"] | {"path": "empty"}}
    run = run_snakemake(tmp_path, config | {"models": models}, "--until", "generate_images", root=root)
    assert run.returncode == 1
    reason = "models.sd: empty has no model_index.json"
    assert f"Error: {reason}" in run.stdout
    # Said again at the end, where there may be much in between.
    last = run.stdout[run.stdout.index(f"generate_images failed: {reason}") :]
    assert "log: results/logs/generate_images/sd/00000.log" in last
    assert "Traceback" not in run.stdout and "CalledProcessError" not in run.stdout
