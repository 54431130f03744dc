"""Every figure: three formats, its caption inside, the same bytes every time, and colours that a page's theme has."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import synthetic_study
from aedr.figures import signals as figures_of_signals
from aedr.figures.accuracy import draw_accuracy
from aedr.figures.comparison import draw_comparison
from aedr.figures.contact_sheet import draw_contact_sheet
from aedr.figures.inline import DESCRIPTION, inline_figure
from aedr.figures.methods import draw_methods
from aedr.figures.models import draw_models
from aedr.figures.patch_map import draw_patch_map
from aedr.figures.robustness import draw_strengths, draw_transforms
from aedr.figures.series import HUES, SERIES, series_look
from aedr.figures.signals import draw_signals
from aedr.figures.sources import draw_sources
from aedr.figures.style import COLOURS, LOWEST_SHADE, readable_on, shade_place, shade_table
from aedr.scoring.methods import METHODS
from aedr.scoring.signals import FITTING
from aedr.scoring.thresholds import BANDWIDTHS, fit_density
from synthetic_study import HOSTILE, METRIC, SIGNAL

CONFIGURED = (METRIC, SIGNAL)
STYLES = (Path(__file__).parents[3] / "workflow/pages/page.css").read_text()
THEME = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6}, #\w{6})\);", STYLES))
TRANSFORMS = {"jpeg-50": [{"jpeg": 50}], "jpeg-90": [{"jpeg": 90}]}
NOISE = np.random.default_rng(0).integers(0, 256, (160, 96, 3), dtype=np.uint8)
# Those that the report shows as parts of itself.
INLINE = ("comparison", "signals", "methods", "models", "transforms", "strengths")
Draw = Callable[[Sequence[str]], None]


def methods() -> pd.DataFrame:
    """A methods table of every method, each against other models alone, some of a single autoencoder."""
    rows = [
        {"method": name, "metric": method.metric, "signal": method.signal, "accuracy_against_other_models": 0.9}
        for name, method in METHODS.items()
    ]
    numbers = {"autoencoder": "(mean)", "accuracy_against_real_images": np.nan, "device": "cpu"}
    return pd.DataFrame(rows).assign(**numbers, seconds_per_image=0.01, autoencoder_count=[*[2] * 11, 1, 1])


def robustness() -> pd.DataFrame:
    """The means of every method that robustness is drawn of."""
    rows = [
        {"transform": transform, "protocol": protocol, "metric": view[0], "signal": view[1]}
        for transform in ("untouched", *TRANSFORMS)
        for protocol in ("untouched", "alike")
        for view in SERIES
        if view is not None
    ]
    return pd.DataFrame(rows).assign(accuracy=0.4, true_positive_rate_at_1_percent=0.1)


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> dict[str, Draw]:
    folder = tmp_path_factory.mktemp("study")
    sources = synthetic_study.write_tables(folder, 2, 30, ("l2", METRIC), 64)
    read = {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("accuracy", "signals", "thresholds")}
    images = pd.read_parquet(folder / "images/photographs/00000.parquet")
    prompted = pd.read_parquet(folder / "images/model-0/00000.parquet")
    labels = {"model-0": "model-0, $x_y$", "model-1": "model-1"}
    fitted = read["thresholds"].set_index(["autoencoder", "metric", "signal", "protocol"])
    threshold = fitted.loc[("model-0", METRIC, SIGNAL, "held_out")].to_dict()
    of_metric = read["signals"][read["signals"]["metric"] == METRIC]
    of_family = of_metric[of_metric["autoencoder"] == "model-0"]
    extremes = of_metric[SIGNAL].min(), of_metric[SIGNAL].max()
    return {
        "accuracy": lambda to: draw_accuracy(read["accuracy"], labels, sources, CONFIGURED, to),
        "comparison": lambda to: draw_comparison(read["accuracy"], CONFIGURED, to),
        "signals": lambda to: draw_signals(
            of_family, extremes, threshold, labels["model-0"], sources, CONFIGURED, "scott", to
        ),
        "methods": lambda to: draw_methods(methods(), to),
        "models": lambda to: draw_models(*synthetic_study.models_of_a_family(), to),
        "transforms": lambda to: draw_transforms(robustness(), CONFIGURED, to),
        "strengths": lambda to: draw_strengths(robustness(), TRANSFORMS, CONFIGURED, to),
        "contact sheet": lambda to: draw_contact_sheet(images, "photographs", to),
        "contact sheet with prompts": lambda to: draw_contact_sheet(prompted, "model-0", to),
        "patch map": lambda to: draw_patch_map(NOISE, NOISE[:3, :2, 0] + 1.0, "a.png", METRIC, "model-0", to),
        "patch map without ratios": lambda to: draw_patch_map(
            NOISE, np.full((3, 2), np.nan), f"{HOSTILE[:-1]}.png", METRIC, "model-0", to
        ),
        "sources": lambda to: draw_sources({"model-0": [NOISE], "photographs": [NOISE]}, to),
    }


NAMES = [
    *["accuracy", "comparison", "signals", "methods", "models", "transforms", "strengths"],
    *["contact sheet"],
    *["contact sheet with prompts", "patch map", "patch map without ratios", "sources"],
]


def draw(figures: dict[str, Draw], name: str, folder: Path) -> list[Path]:
    folder.mkdir()
    files = [folder / f"figure.{suffix}" for suffix in ("svg", "pdf", "png")]
    figures[name]([str(file) for file in files])
    plt.close("all")
    return files


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_has_its_caption_in_all_formats_and_the_same_bytes_every_time(figures, name, tmp_path) -> None:
    assert set(NAMES) == set(figures)
    svg, pdf, png = draw(figures, name, tmp_path / "once")
    caption = ElementTree.parse(svg).findtext(f".//{DESCRIPTION}") or ""
    assert len(caption) > 40 and caption.endswith(".")
    assert Image.open(png).info["Description"] == caption
    subject = re.search(rb"/Subject \((.*?)(?<!\\)\)", pdf.read_bytes(), re.S)
    assert subject is not None and subject[1].decode("latin-1")[:30] == caption[:30]
    for first, second in zip((svg, pdf, png), draw(figures, name, tmp_path / "again"), strict=True):
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", INLINE)
def test_the_colours_of_a_figure_inside_a_page_are_those_of_its_theme(figures, name, tmp_path) -> None:
    svg, *_ = draw(figures, name, tmp_path / "once")
    element, _ = inline_figure(svg.read_text(encoding="utf-8"), "one")
    assert re.findall(r"(?<=[\s:\"'])#[0-9a-fA-F]{3,8}\b(?!-)", element) == []
    used = set(re.findall(r"var\(--([\w-]+)\)", element))
    assert used and used <= set(COLOURS)


@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
def test_the_density_is_drawn_with_the_bandwidth_of_the_threshold(bandwidth, tmp_path) -> None:
    own = np.append(np.linspace(0.9, 1.1, 40), 3)
    draw_one_source(own, bandwidth, tmp_path / "a.svg")
    (drawn,) = plt.gcf().axes[1].collections
    x, y = drawn.get_paths()[0].vertices.T
    assert y.max() == pytest.approx(fit_density(own, bandwidth)(x[y.argmax()])[0])
    plt.close("all")


def draw_one_source(own: np.ndarray, bandwidth: str, output: Path) -> str:
    """Draw own images' loss ratios; return the caption."""
    signals = pd.DataFrame({"loss_ratio": own, "source": "a", "belonging": True, "split": FITTING})
    signals["image_id"] = [f"a/{i}" for i in range(len(own))]
    threshold = {"threshold": 1.1, "threshold_low": 1.0, "threshold_high": 1.2, "alpha": 0.05, "images": len(own)}
    extremes = own.min(), own.max()
    draw_signals(signals, extremes, threshold, "a", ["a"], ("l2", "loss_ratio"), bandwidth, [str(output)])
    return ElementTree.parse(output).findtext(f".//{DESCRIPTION}") or ""


def test_of_too_many_images_a_sample_is_drawn_and_the_caption_says_so(tmp_path, monkeypatch) -> None:
    own = np.linspace(0.9, 1.1, 40)
    for most, drawn, words in ((40, 40, "of the own images shown"), (39, 39, "at most 39 images are drawn")):
        monkeypatch.setattr(figures_of_signals, "MOST_DOTS", most)
        caption = draw_one_source(own, "scott", tmp_path / "a.svg")
        upper, lower = plt.gcf().axes
        dots, _ = upper.patches
        assert len(dots.get_path().vertices) == 2 * drawn
        assert set(dots.get_path().vertices[::2, 0]) <= set(own)
        assert words in caption and (most == 40) == ("at most" not in caption)
        # The density is that of all images.
        (density,) = lower.collections
        highest = fit_density(own)(np.linspace(0.9, 1.1, 999)).max()
        assert density.get_paths()[0].vertices[:, 1].max() == pytest.approx(highest, rel=1e-3)
        plt.close("all")


def test_the_light_theme_has_the_colours_of_the_figures() -> None:
    assert {name: THEME[name].split(", ")[0] for name in COLOURS} == COLOURS


@pytest.mark.parametrize("theme", [0, 1])
def test_series_can_be_told_from_the_paper_and_from_one_another(theme: int) -> None:
    """WCAG 2.2 asks for a contrast of 3; colours are told apart by others too, who have no red, green or blue cones.

    Their eyes are those of Machado, Oliveira and Fernandes (2009); distances are those of Oklab, where about .02 is
    the least that is seen side by side.
    """
    paper, ink = (linear(THEME[name].split(", ")[theme]) for name in ("paper", "ink"))
    series = [ink, *(linear(THEME[f"series-{i}"].split(", ")[theme]) for i in range(1, 1 + len(HUES)))]
    for colour in series:
        low, high = sorted(one @ (0.2126, 0.7152, 0.0722) for one in (colour, paper))
        assert (high + 0.05) / (low + 0.05) >= 3
    for eyes in EYES:
        seen = [oklab(np.clip(np.array(eyes) @ colour, 0, 1)) for colour in series]
        distances = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
        assert min(distances) > 0.1


def test_every_method_has_a_marker_of_its_own() -> None:
    looks = [series_look(*view) for view in SERIES if view is not None]
    looks.append(series_look("ssim", "power_ratio"))
    assert len({look["marker"] for look in looks}) == len(looks) == len(SERIES)
    assert series_look("l2", "calibrated_ratio")["color"] == COLOURS["ink"]


def test_shades_begin_at_the_lowest_and_every_text_on_them_can_be_read() -> None:
    shades = shade_table()
    assert [shade_place(accuracy) for accuracy in (0, LOWEST_SHADE, 0.754, 0.756, 1)] == [0, 0, 25, 26, 50]
    assert len(shades) == 51 and all(ink == readable_on(paper) for paper, ink in shades)
    for paper, ink in shades:
        low, high = sorted(linear(colour) @ (0.2126, 0.7152, 0.0722) for colour in (paper, ink))
        assert (high + 0.05) / (low + 0.05) >= 4.5


EYES = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
)


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def oklab(colour: np.ndarray) -> np.ndarray:
    cones = [[0.4122215, 0.5363325, 0.0514460], [0.2119035, 0.6806995, 0.1073970], [0.0883025, 0.2817188, 0.6299787]]
    axes = [[0.2104543, 0.7936178, -0.0040720], [1.9779985, -2.4285922, 0.4505937], [0.0259040, 0.7827718, -0.8086758]]
    return np.array(axes) @ np.cbrt(np.array(cones) @ colour)
