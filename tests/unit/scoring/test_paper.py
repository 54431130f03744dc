"""The paper's figures stand beside those of a study of its models, which are known by their repositories."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

import synthetic_study
from aedr.scoring.paper import ALL_OTHERS, UNSTATED, compare_with_paper, reported_figures
from aedr.study.paper import paper_models
from synthetic_study import PAPER_NAMES

ROOT = Path(__file__).parents[3]
METRICS = ("l1", "l2", "latent_tracer")
MODELS = {f"model-{i}": name for i, name in enumerate(PAPER_NAMES)}
SECONDS = {("model-1", "aedr"): 0.4, ("model-1", "latent_tracer"): 20.0}


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The accuracy and the thresholds of a study of eight models, of which the first and the last share a family."""
    folder = tmp_path_factory.mktemp("study")
    synthetic_study.write_tables(folder, 8, 20, METRICS, 16)
    return pd.read_parquet(folder / "accuracy.parquet"), pd.read_parquet(folder / "thresholds.parquet")


def compare(tables: tuple[pd.DataFrame, pd.DataFrame], models: dict[str, str]) -> pd.DataFrame:
    return compare_with_paper(*tables, SECONDS, models, {"photographs"})


def cells(compared: pd.DataFrame, metric: str) -> pd.DataFrame:
    single = compared[~compared["paper_source"].isin([ALL_OTHERS, UNSTATED]) & (compared["metric"] == metric)]
    return single[single["quantity"] == "accuracy"]


def test_every_reported_cell_stands_beside_the_studys_own(tables) -> None:
    compared = compare(tables, MODELS)
    assert len(cells(compared, "l2")) == len(cells(compared, "latent_tracer")) == 62
    accuracy = tables[0].set_index(["autoencoder", "source", "metric", "signal", "protocol"])["accuracy"]
    for cell in cells(compared, "l2").itertuples():
        assert cell.signal == "calibrated_ratio"
        key = (cell.autoencoder, cell.source, "l2", "calibrated_ratio", "held_out")
        assert cell.measured == accuracy[key] and cell.difference == cell.measured - cell.reported
    named = cells(compared, "l2").set_index(["paper_autoencoder", "paper_source"])
    assert named.loc[("FLUX", "SDXL"), "reported"] == 0.878
    assert tuple(named.loc[("FLUX", "SDXL"), ["autoencoder", "source"]]) == ("model-4", "model-3")
    assert tuple(named.loc[("KD2.1", "real"), ["autoencoder", "source"]]) == ("model-6", "photographs")
    # SD2base has SD2.1's autoencoder: two rows of the paper, one of the study.
    assert set(named.loc["SD2base", "autoencoder"]) == set(named.loc["SD2.1", "autoencoder"]) == {"model-0"}


def test_means_seconds_levels_and_other_losses_stand_beside_theirs(tables) -> None:
    key = ["paper_table", "paper_autoencoder", "metric", "signal"]
    compared = compare(tables, MODELS).set_index(key).sort_index()
    own = cells(compare(tables, MODELS), "l2").groupby("paper_autoencoder")["measured"].mean()
    mean = compared.loc[("1 and 4", "VQDM", "l2", "calibrated_ratio")]
    assert mean["reported"] == 0.9085 and mean["measured"] == pytest.approx(own["VQDM"])
    assert len(compared.loc["6"]) == 8 and set(compared.loc["6"].reset_index()["signal"]) == {"loss_ratio"}
    levels = compared.loc["7"].reset_index().set_index("paper_autoencoder")
    assert levels.loc["KD2.1", "reported"] == 0.05 and (levels["measured"] == synthetic_study.ALPHA).all()
    assert list(compared.loc["3", "measured"]) == [0.4, 20.0] and list(compared.loc["3", "reported"]) == [0.27, 29.85]
    assert list(compared.loc["5"].reset_index()["metric"]) == ["l1", "l2"]


def test_a_study_of_some_of_the_models_has_their_cells_and_no_means(tables) -> None:
    compared = compare(tables, {"model-3": "SDXL", "model-4": "FLUX"})
    pairs = cells(compared, "l2")[["paper_autoencoder", "paper_source"]]
    assert sorted(map(tuple, pairs.to_numpy())) == [
        *[("FLUX", "SDXL"), ("FLUX", "real"), ("SDXL", "FLUX"), ("SDXL", "real")]
    ]
    assert not compared["paper_source"].eq(ALL_OTHERS).any() and set(compared["quantity"]) == {
        *("accuracy", "significance_level")
    }
    assert compare(tables, {}).empty


def test_models_are_known_by_their_repositories() -> None:
    study = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    models = {name: {"repository": entry["repository"], "decode": None} for name, entry in study["models"].items()}
    assert paper_models(models) == {
        **{"sd15": "SD1.5", "sd2base": "SD2base", "sd21": "SD2.1", "sdxl": "SDXL", "sd35": "SD3.5", "flux": "FLUX"},
        **{"kd21": "KD2.1", "vqdm": "VQDM"},
    }
    others = {
        "local": {"repository": None, "decode": None},
        "unknown": {"repository": "somebody/sdxl", "decode": None},
        "decodes": {"repository": "black-forest-labs/FLUX.1-dev", "decode": "real"},
        "lower": {"repository": "black-forest-labs/flux.1-DEV", "decode": None},
    }
    assert paper_models(others) == {"lower": "FLUX"}


def test_the_reported_means_are_those_of_the_reported_cells() -> None:
    """A typing error in either would show; of one mean, the paper's own, real images are left out."""
    figures = reported_figures().query("quantity == 'accuracy' and signal != 'loss_ratio' and paper_table != '5'")
    is_mean = figures["paper_source"] == ALL_OTHERS
    key = ["paper_autoencoder", "metric"]
    means = figures[is_mean].set_index(key)["reported"]
    of_cells = figures[~is_mean].groupby(key)["reported"].mean()
    wrong = (means - of_cells).abs() > 0.0005
    assert len(means) == 24 and list(means.index[wrong.reindex(means.index)]) == [("VQDM", "latent_tracer")]
