"""Names of methods and words of protocols: one for each, wherever it is told."""

from pathlib import Path

import pytest

from aedr.scoring.methods import METHODS, method_name
from aedr.scoring.protocols import FITTED_ON, PROTOCOLS

TABLES_PAGE = Path(__file__).parents[3] / "docs/tables.md"


def test_a_metric_and_its_signal_have_one_name() -> None:
    views = [(method.metric, method.signal) for method in METHODS.values()]
    assert len(set(views)) == len(views)
    assert [method_name(*view) for view in views] == list(METHODS)


@pytest.mark.parametrize(
    "view, name",
    [
        (("l2", "calibrated_ratio"), "AEDR as published"),
        (("mid_frequency", "loss_ratio"), "mid-frequency, loss ratio"),
        (("latent_tracer", "first_loss"), "LatentTracer"),
        (("codebook", "residual"), "codebook distance, residual"),
    ],
)
def test_a_method_without_a_name_is_called_by_its_metric_and_signal(view: tuple[str, str], name: str) -> None:
    assert method_name(*view) == name


def test_the_page_of_the_tables_tells_every_protocol() -> None:
    rows = [line for line in TABLES_PAGE.read_text().splitlines() if line.startswith("| **`protocol`**")]
    assert rows and all(f"`{name}`" in row for row in rows for name in [*PROTOCOLS, *FITTED_ON])
