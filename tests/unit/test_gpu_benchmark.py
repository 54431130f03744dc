"""The benchmark for GPUs, in its small form on a CPU: nobody should find on a rented card that it does not run."""

from collections.abc import Iterator

import gpu
import pytest
import torch


@pytest.fixture(autouse=True)
def same_arithmetic_afterwards() -> Iterator[None]:
    allowed = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = allowed


def rows(printed: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("| ")]


def test_it_measures_every_way_and_finds_what_precision_changes(capsys: pytest.CaptureFixture[str]) -> None:
    gpu.main(["--small"])
    printed = capsys.readouterr().out
    assert torch.__version__ in printed.splitlines()[0]
    speeds, changes = (rows(table) for table in printed.split("\n\n")[1:])
    ways = [str(way) for way in gpu.WAYS if not way.compiled]
    assert [row[2] for row in speeds[1:] if "published" not in row[2]] == 2 * ways
    assert all(float(row[4]) > 0 for row in speeds[1:])
    verdicts = {(row[1], row[2]): row[-1] for row in changes[1:]}
    assert all(verdicts[way, metric] == "True" for way in ways for metric in gpu.METRICS if "float32" in way)
    # bfloat16 keeps 8 bits of a number, as many as a picture has, and these losses are of its last bits.
    assert verdicts["bfloat16", "high_frequency"] == "False"


def test_tf32_is_where_it_was_asked_for() -> None:
    network = torch.nn.Identity()
    for tf32, expected in {"": (False, False), "convolutions": (True, False), "all": (True, True)}.items():
        gpu.Way(tf32=tf32).prepare(network)
        assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == expected
