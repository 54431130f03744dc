"""The report: one page with everything that a study found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from aedr.autoencoders.families import family_label, members
from aedr.figures.inline import inline_figure
from aedr.pages.matrix import (
    Images,
    Signals,
    choose_images,
    choose_views,
    describe_matrix,
    join_families,
    most_images,
    signals_of_family,
)
from aedr.pages.methods_and_damage import describe_methods, describe_robustness
from aedr.pages.page import render_page
from aedr.pages.paper import describe_paper
from aedr.pages.provenance import describe_analysis, describe_making, digest_files, read_metadata
from aedr.pages.runtimes import read_costs
from aedr.pages.thumbnails import Thumbnail, read_thumbnails, sample_ids
from aedr.pages.wrong_answers import MOST_ERRORS, Errors, describe_errors, find_errors
from aedr.scoring.accuracy import SHARE_TO_WARN_OF
from aedr.scoring.methods import PUBLISHED, SIGNAL_NAMES, metric_name, short_signal_name
from aedr.scoring.protocols import PROTOCOLS
from aedr.tables.files import read_table

IMAGES_OF_A_SHEET = 24


@dataclass(frozen=True)
class Study:
    """What a study found, as tables, and the metric and the signal that it was `configured` with.

    `paper` is None without models of the paper, `methods` without rivals, `robustness` without transforms, and
    `models`, what `describe_models` returns, without models that share an autoencoder.
    """

    accuracy: pd.DataFrame
    thresholds: pd.DataFrame
    autoencoders: pd.DataFrame
    paper: pd.DataFrame | None
    methods: pd.DataFrame | None
    robustness: pd.DataFrame | None
    models: Mapping[str, Any] | None
    configured: tuple[str, str]


@dataclass(frozen=True)
class Making:
    """What a study was made from, and at what cost.

    Attributes:
        images: files of the images tables by source, in the order of the matrix's columns.
        losses: files of the losses tables by family.
        tables: files of the tables that the report is made from, by name; that of the signals is read here.
        benchmarks: folder of Snakemake's measurements; missing ones are not shown.
        configuration: the text of the study's configuration, with all defaults.
    """

    images: Mapping[str, Sequence[str]]
    losses: Mapping[str, Sequence[str]]
    tables: Mapping[str, str]
    benchmarks: str
    configuration: str


def report_page(
    study: Study,
    making: Making,
    figures: Mapping[str, str],
    signal_figures: Mapping[str, str],
) -> str:
    """Return the page of a study.

    Args:
        figures: the SVG of `comparison` and, if the study has them, `methods`, `second_stage`, `robustness` and
            `robustness_strengths`.
        signal_figures: the SVG of each family's signals.
    """
    labels = {family: family_label(names) for family, names in members(study.autoencoders).items()}
    sources = list(making.images)
    matrix = describe_matrix(study.accuracy, study.thresholds, labels, sources)
    images, signals, errors = _read_signals(study, making, list(labels), most_images(matrix))
    samples = {source: sample_ids(files[0], IMAGES_OF_A_SHEET) for source, files in making.images.items()}
    thumbnails = _read_thumbnails(making.images, samples, errors)
    return render_page(
        "report.html.j2",
        ["page.js", "report.js"],
        **_accuracy(study, labels, matrix),
        splits=images.splits,
        signals=signals,
        most_images=images.at_most if images.are_sampled else None,
        image_count=sum(images.counts.values()),
        signal_figures=[
            _figure(svg, f"signals-{i}", f"plots/signals/{family}")
            for i, (family, svg) in enumerate(signal_figures.items())
        ],
        comparison_figure=_figure(figures["comparison"], "comparison", "plots/comparison"),
        comparison=_comparison(study.accuracy),
        paper=None if study.paper is None or study.paper.empty else describe_paper(study.paper, labels),
        methods=[] if study.methods is None else describe_methods(study.methods),
        method_figures=_figures(figures, ["methods"]),
        models=study.models,
        model_figures=_figures(figures, ["second_stage"]),
        robustness=None if study.robustness is None else describe_robustness(study.robustness, study.configured),
        robustness_figures=_figures(figures, ["robustness", "robustness_strengths"]),
        errors=[describe_errors(error, labels, thumbnails, study.configured[1]) for error in errors],
        most_errors=MOST_ERRORS,
        sheets=[
            {
                "source": source,
                "images": [thumbnails[image_id] for image_id in samples[source]],
                "count": images.counts[source],
                "without": sum(thumbnails[image_id].address is None for image_id in samples[source]),
            }
            for source in sources
        ],
        autoencoders=[_describe_autoencoder(row) for row in study.autoencoders.to_dict("records")],
        costs=read_costs(making.benchmarks, {source: images.counts[source] for source in sources}, labels),
        benchmarks=making.benchmarks,
        metadata=[describe_making(row) for row in read_metadata(_groups(making, labels))],
        analysis=describe_analysis(),
        digests=digest_files(making.tables.values()),
        configuration=making.configuration,
    )


def _read_signals(
    study: Study, making: Making, families: Sequence[str], at_most: int
) -> tuple[Images, dict[str, Any], list[Errors]]:
    """Return the images whose signals the page holds, these signals, and the errors of each family.

    Args:
        at_most: how many images of a source are held for a metric.
    """

    # In functions, so that one family's rows are gone before the next one's are read.
    def read(family: str) -> pd.DataFrame:
        return read_table(making.tables["signals"], "signals", autoencoder={family})

    def seen(family: str) -> tuple[dict[tuple[str, str], Signals], Errors]:
        rows = read(family)
        errors = find_errors(rows, study.thresholds, family, *study.configured)
        return signals_of_family(rows, images), errors

    images = choose_images(read(families[0]), list(making.images), at_most)
    signals, errors = zip(*[seen(family) for family in families], strict=True)
    return images, join_families(signals), list(errors)


def _accuracy(study: Study, labels: Mapping[str, str], matrix: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page's first section shows and what its scripts read."""
    scored_images = {name: protocol.scored_images for name, protocol in PROTOCOLS.items()}
    cells = _held_out(study.accuracy)
    of_view = cells.groupby(["metric", "signal"], sort=False)
    weakest = of_view.get_group(study.configured).nsmallest(1, "accuracy").iloc[0]
    return {
        "matrix": matrix,
        "views": choose_views(matrix, *study.configured),
        "protocols": scored_images,
        "choices": [
            ("metric", "Metric", [(name, metric_name(name)) for name in dict.fromkeys(study.accuracy["metric"])]),
            ("signal", "Signal", list(SIGNAL_NAMES.items())),
            ("protocol", "Scored on", list(scored_images.items())),
        ],
        "weakest": {
            "accuracy": weakest["accuracy"],
            "family": labels[weakest["autoencoder"]],
            "source": weakest["source"],
        },
        "published_held_out": of_view["accuracy"].mean().get(PUBLISHED),
        "weak": [
            f"{labels[cell.autoencoder]} accepts {cell.accepted} of {cell.images} images of {cell.source}"
            for cell in of_view.get_group(study.configured).itertuples()
            if cell.acceptance_rate >= SHARE_TO_WARN_OF
        ],
    }


def _held_out(accuracy: pd.DataFrame) -> pd.DataFrame:
    return accuracy[(accuracy["protocol"] == "held_out") & ~accuracy["belonging"]]


def _comparison(accuracy: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row for each metric and signal, the most accurate first."""
    means = (
        _held_out(accuracy)
        .groupby(["metric", "signal"], sort=False)
        .agg(mean=("accuracy", "mean"), weakest=("accuracy", "min"), auc=("auc", "mean"))
    )
    return [
        {"metric": metric_name(metric), "signal": short_signal_name(signal), **row}
        for (metric, signal), row in means.sort_values("mean", ascending=False, kind="stable").to_dict("index").items()
    ]


def _figure(svg: str, name: str, file: str) -> dict[str, str]:
    element, caption = inline_figure(svg, name)
    return {"svg": element, "caption": caption, "file": file}


def _figures(figures: Mapping[str, str], names: Sequence[str]) -> list[dict[str, str]]:
    return [_figure(figures[name], name, f"plots/{name}") for name in names if name in figures]


def _read_thumbnails(
    images: Mapping[str, Sequence[str]], samples: Mapping[str, Sequence[str]], errors: Sequence[Errors]
) -> dict[str, Thumbnail]:
    """Return the thumbnails of the samples and of the errors that are shown, by image; reads one source at a time."""
    thumbnails: dict[str, Thumbnail] = {}
    wrong = pd.concat([rows for error in errors for rows in (error.accepted, error.rejected)])
    for source, files in images.items():
        wanted = {*wrong.loc[wrong["source"] == source, "image_id"], *samples[source]}
        thumbnails |= read_thumbnails(files, wanted)
    return thumbnails


def _describe_autoencoder(row: Mapping[str, Any]) -> dict[str, Any]:
    origin = row["repository"] if isinstance(row["repository"], str) else "a local folder"
    return {
        **row,
        "latent_channels": "" if row["latent_channels"] is None else f"{row['latent_channels']:.0f}",
        "origin": f"{origin} @ {row['revision']}" if isinstance(row["revision"], str) else origin,
        "shares_encoder_with": ", ".join(row["shares_encoder_with"]),
    }


def _groups(making: Making, labels: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """Return the files that the provenance lists, by the names of their groups."""
    return {
        **{f"images of {source}": files for source, files in making.images.items()},
        **{f"losses under {labels[family]}": files for family, files in making.losses.items()},
        **{name: [making.tables[name]] for name in ("signals", "thresholds")},
    }
