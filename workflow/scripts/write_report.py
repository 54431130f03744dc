"""Write the report: one page with everything that a study found; read its tables and figures, write HTML."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aedr.jobs import job

if TYPE_CHECKING:
    import pandas as pd

    from aedr.pages.thumbnails import Thumbnail
    from aedr.pages.wrong_answers import Errors

IMAGES_OF_A_SHEET = 24
MOST_ERRORS = 12


def write_report(
    tables: Mapping[str, str],
    images: Sequence[str],
    losses: Sequence[str],
    figures: Mapping[str, Any],
    methods: Sequence[str],
    robustness: Sequence[str],
    configuration: str,
    benchmarks: str,
    output: str,
    metric: str,
    signal: str,
    max_pixels: int,
) -> None:
    """Write the page of a study.

    Args:
        tables: the files of the tables accuracy, signals, thresholds and autoencoders.
        images: the images tables of every source (each in a folder named so), in the order of the matrix's columns.
        losses: the losses tables of every family and source, in folders named so.
        figures: the SVG files of the comparison, and of each family's signals (a list).
        methods: the methods table and the picture of it, or nothing where the study has no rivals.
        robustness: robustness.csv and the pictures of it, or nothing where the study has no transforms.
        configuration: the study's configuration, a YAML file.
        benchmarks: the folder of Snakemake's measurements; what is missing there is not shown.
        metric, signal: what the study was configured with.
    """
    import pandas as pd

    from aedr.autoencoders.families import family_label, members
    from aedr.pages.matrix import choose_views, collect_signals, describe_matrix, shade_of
    from aedr.pages.methods_and_damage import describe_methods, describe_robustness, embed_pictures
    from aedr.pages.page import render_page
    from aedr.pages.provenance import describe_analysis, digest_files, read_metadata
    from aedr.pages.runtimes import read_costs
    from aedr.pages.thumbnails import read_thumbnails, sample_ids
    from aedr.pages.wrong_answers import find_errors
    from aedr.scoring.methods import PUBLISHED, SIGNAL_NAMES, metric_name
    from aedr.scoring.protocols import PROTOCOLS
    from aedr.tables.files import read_table

    accuracy, signals, thresholds, autoencoders = (
        read_table(tables[name], name) for name in ("accuracy", "signals", "thresholds", "autoencoders")
    )
    labels = {family: family_label(names) for family, names in members(autoencoders).items()}
    images_of = _group(images, lambda path: path.parent.name)
    sources = list(images_of)
    matrix = describe_matrix(accuracy, thresholds, labels, sources)
    views = choose_views(matrix, metric, signal)
    splits, values = collect_signals(signals, labels, sources)
    errors = find_errors(signals, thresholds, labels, metric, signal)
    samples = {source: sample_ids(files[0], IMAGES_OF_A_SHEET) for source, files in images_of.items()}
    thumbnails: dict[str, Thumbnail] = {}
    for source, files in images_of.items():
        wrong = [rows[rows["source"] == source] for error in errors for rows in _shown(error)]
        wanted = {image_id for rows in wrong for image_id in rows["image_id"]} | set(samples[source])
        thumbnails |= read_thumbnails(files, wanted, max_pixels)
    # An image that has no picture has no signal either, but a row under every autoencoder.
    first = signals.drop_duplicates("image_id").groupby("source")
    counts = {source: len(first.get_group(source)) for source in sources}
    cells = accuracy[(accuracy["protocol"] == "held_out") & ~accuracy["belonging"]]
    published = cells[(cells["metric"] == PUBLISHED[0]) & (cells["signal"] == PUBLISHED[1])]
    weakest = cells[(cells["metric"] == metric) & (cells["signal"] == signal)].nsmallest(1, "accuracy").iloc[0]
    scored_images = {name: protocol.scored_images for name, protocol in PROTOCOLS.items()}
    page = render_page(
        "report.html.j2",
        ["page.js", "report.js"],
        matrix=matrix,
        views=views,
        shade=lambda share: shade_of(matrix, share),
        protocols=scored_images,
        choices=[
            ("metric", "Metric", [(name, metric_name(name)) for name in dict.fromkeys(accuracy["metric"])]),
            ("signal", "Signal", list(SIGNAL_NAMES.items())),
            ("protocol", "Scored on", list(scored_images.items())),
        ],
        weakest={
            "accuracy": weakest["accuracy"],
            "family": labels[weakest["autoencoder"]],
            "source": weakest["source"],
        },
        published_held_out=published["accuracy"].mean(),
        image_count=sum(counts.values()),
        splits=splits,
        signals=values,
        signal_figures=[_figure(path, f"signals-{i}") for i, path in enumerate(figures["signals"])],
        comparison_figure=_figure(figures["comparison"], "comparison"),
        comparison=_comparison(cells),
        methods=describe_methods(read_table(methods[0], "methods")) if methods else [],
        method_pictures=embed_pictures(methods[1:]),
        robustness=describe_robustness(pd.read_csv(robustness[0]), (metric, signal)) if robustness else None,
        robustness_pictures=embed_pictures(robustness[1:]),
        errors=[_describe_errors(error, labels, thumbnails, signal) for error in errors],
        most_errors=MOST_ERRORS,
        sheets=[
            {
                "source": source,
                "images": [thumbnails[image_id] for image_id in samples[source]],
                "count": counts[source],
                "without": sum(thumbnails[image_id].address is None for image_id in samples[source]),
            }
            for source in sources
        ],
        autoencoders=[_describe_autoencoder(row) for row in autoencoders.to_dict("records")],
        costs=read_costs(benchmarks, counts, labels),
        benchmarks=benchmarks,
        metadata=[
            _describe_making(row)
            for row in read_metadata(
                {f"images of {source}": files for source, files in images_of.items()}
                | {
                    f"losses under {labels[family]}": files
                    for family, files in _group(losses, lambda path: path.parents[1].name).items()
                }
                | {name: [path] for name, path in tables.items() if name in ("signals", "thresholds")}
            )
        ],
        analysis=describe_analysis(),
        digests=digest_files(tables.values()),
        configuration=Path(configuration).read_text(encoding="utf-8"),
    )
    Path(output).write_text(page, encoding="utf-8")


def _group(paths: Sequence[str], key: Callable[[Path], str]) -> dict[str, list[str]]:
    return {
        name: [path for path in paths if key(Path(path)) == name] for name in dict.fromkeys(map(key, map(Path, paths)))
    }


def _shown(errors: "Errors") -> tuple["pd.DataFrame", "pd.DataFrame"]:
    return errors.accepted.head(MOST_ERRORS), errors.rejected.head(MOST_ERRORS)


def _figure(path: str, name: str) -> dict[str, str]:
    from aedr.pages.page import inline_figure

    svg, caption = inline_figure(Path(path).read_text(encoding="utf-8"), name)
    return {"svg": svg, "caption": caption, "file": path[path.rindex("plots/") :].removesuffix(".svg")}


def _comparison(cells: "pd.DataFrame") -> list[dict[str, Any]]:
    from aedr.scoring.methods import metric_name, short_signal_name

    means = cells.groupby(["metric", "signal"], sort=False).agg(
        mean=("accuracy", "mean"), weakest=("accuracy", "min"), auc=("auc", "mean")
    )
    return [
        {"metric": metric_name(metric), "signal": short_signal_name(signal), **row}
        for (metric, signal), row in means.sort_values("mean", ascending=False, kind="stable").to_dict("index").items()
    ]


def _describe_errors(
    errors: "Errors", labels: Mapping[str, str], thumbnails: Mapping[str, "Thumbnail"], signal: str
) -> dict[str, Any]:
    accepted, rejected = (
        [
            {"image": thumbnails[row["image_id"]], "name": row["image_id"], "signal": row[signal]}
            for row in rows.to_dict("records")
        ]
        for rows in _shown(errors)
    )
    return {
        "label": labels[errors.family],
        "threshold": errors.threshold,
        "accepted": accepted,
        "accepted_count": len(errors.accepted),
        "others": errors.others,
        "rejected": rejected,
        "rejected_count": len(errors.rejected),
        "own": errors.own,
    }


def _describe_autoencoder(row: Mapping[str, Any]) -> dict[str, Any]:
    origin = row["repository"] if isinstance(row["repository"], str) else "a local folder"
    return {
        **row,
        "latent_channels": "" if row["latent_channels"] is None else f"{row['latent_channels']:.0f}",
        "origin": f"{origin} @ {row['revision']}" if isinstance(row["revision"], str) else origin,
        "shares_encoder_with": ", ".join(row["shares_encoder_with"]),
    }


def _describe_making(row: Mapping[str, str]) -> dict[str, str]:
    shown_elsewhere = ("name", "device", "settings", "cost")
    other = ", ".join(f"{key} {value}" for key, value in row.items() if key not in shown_elsewhere)
    return {"name": row["name"], "device": row.get("device", ""), "settings": row.get("settings", ""), "other": other}


if __name__ == "__main__":
    with job(snakemake):
        write_report(
            {name: snakemake.input[name] for name in ("accuracy", "signals", "thresholds", "autoencoders")},
            snakemake.input.images,
            snakemake.input.losses,
            {"comparison": snakemake.input.comparison, "signals": snakemake.input.signal_figures},
            snakemake.input.methods,
            snakemake.input.robustness,
            snakemake.input.configuration,
            snakemake.params.benchmarks,
            snakemake.output[0],
            snakemake.params.metric,
            snakemake.params.signal,
            snakemake.params.max_pixels,
        )
