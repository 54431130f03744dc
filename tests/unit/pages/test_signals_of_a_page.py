"""The signals that a report holds: all of a small study, and of a large one a sample of each metric's images."""

import json
import re

import pandas as pd
import pytest

import synthetic_study
from aedr.pages import matrix
from aedr.pages.matrix import choose_images, join_families, signals_of_family
from aedr.scoring.signals import SIGNALS
from synthetic_study import METRIC, SIGNAL

SOURCES = ["a", "b"]


def signals(family: str, metrics: dict[str, range], shift: float) -> pd.DataFrame:
    """Return rows of the signals table, in which each image's signals are its number, moved by `shift`."""
    rows = [
        {"image_id": f"{source}/{i}", "source": source, "autoencoder": family, "metric": metric}
        | {"split": "held_out" if i % 3 else "fitting"}
        | {signal: i + shift if signal != "residual" else float("nan") for signal in SIGNALS}
        for source in SOURCES
        for i in range(20)
        for metric, measured in metrics.items()
        if i in measured
    ]
    return pd.DataFrame(rows)


def test_a_sample_is_the_same_for_every_family_and_has_rare_metrics_too() -> None:
    # The second is measured on the last three images alone, the third under one family.
    metrics = {"l2": range(20), "rare": range(17, 20), "of one": range(20)}
    tables = [signals("x", metrics, 0.0), signals("y", {name: metrics[name] for name in ("rare", "l2")}, 0.5)]
    images = choose_images(tables[0], SOURCES, 4)
    assert images.are_sampled and images.counts == {"a": 20, "b": 20}
    values = join_families([signals_of_family(table, images) for table in tables])
    with_values = set(SIGNALS) - {"residual"}
    assert set(values) == {f"{metric}-{signal}" for metric in ("l2", "rare") for signal in with_values}
    for metric, count in {"l2": 4, "rare": 3}.items():
        first, second = values[f"{metric}-loss_ratio"]
        for source, ids, splits, under_x, under_y in zip(
            SOURCES, images.ids.values(), images.splits, first, second, strict=True
        ):
            assert len(ids) == len(splits) == len(under_x) == len(under_y)
            held = [at for at, value in enumerate(under_x) if value is not None]
            assert len(held) == count
            for at in held:
                number = int(ids[at].removeprefix(f"{source}/"))
                assert (under_x[at], under_y[at]) == (number, number + 0.5)
                assert splits[at] == ("h" if number % 3 else "f")
    every = choose_images(tables[0], SOURCES, 20)
    assert not every.are_sampled
    assert [list(ids) for ids in every.ids.values()] == [[f"{source}/{i}" for i in range(20)] for source in SOURCES]


@pytest.mark.parametrize("at_most", [40, 7])
def test_a_large_study_has_a_small_page_that_says_what_is_missing(at_most, tmp_path, monkeypatch) -> None:
    # Two metrics with six signals, of two families and four sources with forty images each.
    monkeypatch.setattr(matrix, "MOST_SIGNALS", at_most * 2 * 6 * 2 * 4)
    page = synthetic_study.write_study(tmp_path, formats=("svg",), has_rivals_and_damage=False).read_text()
    table = pd.read_parquet(tmp_path / "signals.parquet")
    (values,) = re.findall(rf'id="signals-{METRIC}-{SIGNAL}">(.*?)</script>', page)
    for family, of_family in zip(["model-0", "model-1"], json.loads(values), strict=True):
        for source, found in zip(["model-0", "model-1", "model-2", "photographs"], of_family, strict=True):
            cell = table[(table["autoencoder"] == family) & (table["source"] == source) & (table["metric"] == METRIC)]
            expected = {float(f"{value:.4g}") for value in cell[SIGNAL].dropna()}
            assert len(found) == at_most and {value for value in found if value is not None} <= expected
    assert ("those of at most 7 images of each source" in page) == (at_most == 7)
    assert "on 160 images of 4 sources" in page
