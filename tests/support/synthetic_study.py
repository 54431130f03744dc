"""The tables of a study that nobody ran, of any size, with names that would break a careless page."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from aedr.scoring.accuracy import area_under_curve, true_positive_rate_at
from aedr.scoring.methods import MEAN, PUBLISHED, method_name
from aedr.scoring.protocols import PROTOCOLS
from aedr.scoring.signals import PUBLISHED_SIGNALS, SIGNALS, split_of
from aedr.tables.files import write_table
from aedr.verdicts.model_accuracy import SEVERAL_WITH, SEVERAL_WITHOUT, VERDICT, share
from aedr.verdicts.models import CANNOT_SAY_WHICH, NO_MODEL
from compare_with_paper import compare_with_paper
from plot_accuracy import plot_accuracy
from plot_comparison import plot_comparison
from plot_methods import plot_methods
from plot_models import plot_models
from plot_robustness import plot_robustness
from plot_signals import plot_signals
from write_report import write_report

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> $x_y$ \u202e"
METRIC, SIGNAL = "high_frequency", "residual"
METRICS = ("l1", "l2", "ssim", "psnr", "high_frequency", "mid_frequency")
ALPHA = 0.05
COST = {
    "images": 40,
    "parts": {"first_reconstruction": 8.0, "second_reconstruction": 7.0, "l2": 1.0},
    "peak_memory_bytes": 2 * 10**9,
    "device": "Pretended GPU",
}
SEVERAL = (SEVERAL_WITH, SEVERAL_WITHOUT)
# What the paper calls the models of a study of its eight; the first and the last have one autoencoder.
PAPER_NAMES = ("SD2.1", "SD1.5", "SD3.5", "SDXL", "FLUX", "VQDM", "KD2.1", "SD2base")


def picture(chance: np.random.Generator, side: int) -> bytes:
    """Return a JPEG of smooth colours under noise, about as hard to compress as a photograph."""
    coarse = chance.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC), dtype=float)
    noisy = np.clip(smooth + chance.normal(0, 12, smooth.shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def write_tables(folder: Path, models: int, images: int, metrics: tuple[str, ...], side: int) -> list[str]:
    """Write the tables of `models` models and one set of photographs, `images` of each; return the sources' names."""
    chance = np.random.default_rng(4)
    names = [f"model-{i}" for i in range(models)]
    sources = [*names, "photographs"]
    pool = [picture(chance, side) for _ in range(12)]
    ids = {source: [f"{source}/{i:04d}" for i in range(images)] for source in sources}
    ids["photographs"][-1] = f"photographs/{HOSTILE}.png"
    ids["photographs"][0] = "photographs/broken.png"
    for source in sources:
        rows = []
        for i, image_id in enumerate(ids[source]):
            row: dict[str, object] = {"image_id": image_id, "source": source}
            if source != "photographs":
                row |= {"prompt_id": f"{i}", "prompt": f"{HOSTILE} number {i}" if i == 0 else f"a cat, number {i}"}
            if image_id == "photographs/broken.png":
                row["reason"] = "cannot be decoded: not a picture"
            else:
                row |= {"width": side, "height": side, "format": "JPEG"}
                row["image"] = {"bytes": pool[i % len(pool)], "path": "x.jpg"}
            rows.append(row)
        made = {"device": "Pretended GPU", "torch": "9.9", "settings": HOSTILE}
        write_table(folder / f"images/{source}/00000.parquet", "images", rows, made)
        for name in names:
            write_table(folder / f"losses/{name}/{source}/00000.parquet", "losses", [], made | {"cost": COST})
            write_benchmark(folder / f"benchmarks/reconstruct_images/{name}/{source}/00000.tsv")
        rule = "import_images" if source == "photographs" else "generate_images"
        write_benchmark(folder / f"benchmarks/{rule}/{source}/00000.tsv")
    autoencoders = [
        {
            "autoencoder": name,
            "class": "AutoencoderKL",
            "encoder_sha256": f"{i:064x}",
            "decoder_sha256": f"{i:064x}",
            "parameters": 83_653_863,
            "factor": 8,
            "family": name,
            "shares_encoder_with": [],
            "repository": "somebody/some-model",
            "revision": "main",
            "latent_channels": 4,
        }
        for i, name in enumerate(names)
    ]
    # The last model shares the first one's autoencoder, where there are enough to lose one.
    families = names[:-1] if models > 2 else names
    for row in autoencoders[len(families) :]:
        row["family"] = names[0]
    write_table(folder / "autoencoders.parquet", "autoencoders", autoencoders, {})
    splits = {source: [split_of(image_id, 0.5) for image_id in ids[source]] for source in sources}
    signals = pd.concat([_signals(chance, name, names, ids, splits, metrics) for name in families])
    write_table(folder / "signals.parquet", "signals", signals, {"held_out": "0.5"})
    thresholds, accuracy = _score(signals)
    write_table(folder / "thresholds.parquet", "thresholds", thresholds, {"method": "exact"})
    write_table(folder / "accuracy.parquet", "accuracy", accuracy, {})
    (folder / "configuration.yaml").write_text(yaml.safe_dump({"seed": 1, "note": HOSTILE}))
    return sources


def write_benchmark(path: Path) -> None:
    """Write what Snakemake writes of a job."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("s\th:m:s\tmax_rss\tmean_load\tcpu_time\n60.5\t0:01:00\t2048.5\t95.0\t55.25\n")


def _signals(
    chance: np.random.Generator, family: str, names: list[str], ids: Mapping, splits: Mapping, metrics: tuple[str, ...]
) -> pd.DataFrame:
    rows = []
    for source in ids:
        own = source == family or (family == names[0] and source == names[-1] and len(names) > 2)
        for metric in metrics:
            size = len(ids[source])
            second = np.exp(chance.normal(-7, 0.4, size))
            ratio = np.exp(chance.normal(0.1 if own else 1.1 + 0.2 * chance.random(), 0.16 if own else 0.4, size))
            homogeneity = chance.uniform(0.2, 0.9, size)
            frame = pd.DataFrame(
                {
                    "image_id": ids[source],
                    "source": source,
                    "group": ids[source],
                    "autoencoder": family,
                    "metric": metric,
                    "belonging": own,
                    "split": splits[source],
                    "first_loss": ratio * second,
                    "second_loss": second,
                    "homogeneity": homogeneity,
                    "loss_ratio": ratio,
                    "calibrated_ratio": ratio * homogeneity,
                    "power_ratio": ratio * homogeneity**0.1,
                    "capped_ratio": ratio,
                    "residual": np.log(ratio),
                }
            )
            broken = frame["image_id"] == "photographs/broken.png"
            frame.loc[broken, ["second_loss", *SIGNALS]] = np.nan
            frame.loc[broken, "reason"] = "cannot be decoded"
            rows.append(frame)
    return pd.concat(rows)


def _score(signals: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return thresholds and accuracy as the workflow counts them, with intervals that are made up: these take long."""
    thresholds, cells = [], []
    for (family, metric), group in signals.groupby(["autoencoder", "metric"]):
        for signal in SIGNALS:
            for protocol, parts in PROTOCOLS.items():
                if protocol == "same_images" and signal not in PUBLISHED_SIGNALS:
                    continue
                usable = group.dropna(subset=[signal])
                fitted = usable[usable["belonging"] & (usable["split"] == (parts.fitted_on or usable["split"]))][signal]
                threshold = float(fitted.quantile(1 - ALPHA))
                key = {"autoencoder": family, "metric": metric, "signal": signal, "protocol": protocol}
                low, high = sorted([threshold * 0.97, threshold * 1.03])
                fit = {"threshold": threshold, "threshold_low": low, "threshold_high": high, "images": len(fitted)}
                thresholds.append(key | fit | {"alpha": ALPHA})
                seen = usable[usable["split"] == (parts.scored_on or usable["split"])]
                own = seen.loc[seen["belonging"], signal].to_numpy()
                for source, images in seen.groupby("source"):
                    values = images[signal].to_numpy()
                    accepted = int((values < threshold).sum())
                    is_own = bool(images["belonging"].iloc[0])
                    rate = accepted / len(values)
                    score = rate if is_own else ((own < threshold).mean() + 1 - rate) / 2
                    cell = {
                        "source": source,
                        "belonging": is_own,
                        "images": len(values),
                        "own_images": len(own),
                        "unusable": int(source == "photographs"),
                        "accepted": accepted,
                        "acceptance_rate": rate,
                        "accuracy": score,
                        "accuracy_low": max(0, score - 0.02),
                        "accuracy_high": min(1, score + 0.02),
                    }
                    if not is_own:
                        cell["auc"] = area_under_curve(own, values)
                        cell["true_positive_rate_at_1_percent"] = true_positive_rate_at(0.01, own, values)
                    cells.append(key | cell)
    return pd.DataFrame(thresholds), pd.DataFrame(cells)


def write_methods(folder: Path, formats: tuple[str, ...]) -> str:
    """Write a methods table, whose study had no real images, and draw it; return the table's file."""
    rows = [
        {
            "method": method_name(metric, signal),
            "autoencoder": MEAN,
            "metric": metric,
            "signal": signal,
            "autoencoder_count": 2,
            "seconds_per_image": seconds,
            "peak_memory_bytes": 2 * 10**9,
            "device": "cpu",
            "accuracy_against_other_models": accuracy,
            "auc_against_other_models": accuracy,
            "true_positive_rate_at_1_percent_against_other_models": accuracy,
            "same_images_accuracy_against_other_models": accuracy,
        }
        for (metric, signal), seconds, accuracy in [
            (PUBLISHED, 0.02, 0.961),
            (("latent_tracer", "first_loss"), 1.2, 0.984),
        ]
    ]
    file = str(folder / "methods.parquet")
    write_table(file, "methods", rows, {})
    plot_methods(methods=file, outputs=figure_files(folder, "methods", formats))
    return file


def models_of_a_family() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a confusion table and one of accuracy by calls of three models."""
    models = ["model-0", "model-1", "model-2"]
    shared = {"family": models[0], "score": "log_error"}
    answers = []
    for left_out in ("", "model-2"):
        for source in [left_out] if left_out else models:
            for answer in [*models, *SEVERAL, NO_MODEL, CANNOT_SAY_WHICH]:
                count = {source: 12, NO_MODEL: 3, CANNOT_SAY_WHICH: 4, "model-1": 1}.get(answer, 0)
                row = shared | {"protocol": VERDICT, "left_out": left_out, "source": source, "answer": answer}
                answers.append(row | share(count, 20))
    calls = [
        shared | {"levels": levels, "noises": noises, "calls": levels * noises} | share(10 + levels + noises, 20)
        for levels in (1, 2, 3, 4, 5)
        for noises in (1, 2, 5)
    ]
    return pd.DataFrame(answers), pd.DataFrame(calls)


def write_models(folder: Path, formats: tuple[str, ...]) -> list[str]:
    """Write the tables of a second stage and draw them; return those that the report shows."""
    confusion, calls = models_of_a_family()
    costs = [
        {"family": "model-0", "stage": stage, "model": model, "seconds_per_image": 0.4, "device": "cpu"}
        | {"peak_memory_bytes": 2 * 10**9}
        for stage, model in (("reconstruction", "model-0"), ("denoising", HOSTILE))
    ]
    tables = {"confusion": confusion, "denoiser_calls": calls, "stage_costs": costs}
    for name, rows in tables.items():
        write_table(folder / f"{name}.parquet", name, rows, {})
    files = {name: str(folder / f"{name}.parquet") for name in tables}
    outputs = figure_files(folder, "second_stage", formats)
    plot_models(confusion=files["confusion"], calls=files["denoiser_calls"], outputs=outputs)
    return [files["confusion"], files["stage_costs"]]


def write_paper(folder: Path, families: list[str]) -> str:
    """Write the paper table of a study whose models are the paper's; return its file."""
    models = {f"model-{i}": name for i, name in enumerate(PAPER_NAMES)}
    own = {model: model if model in families else families[0] for model in models}
    losses = {model: [str(folder / f"losses/{family}/{model}/00000.parquet")] for model, family in own.items()}
    compare_with_paper(
        accuracy=str(folder / "accuracy.parquet"),
        thresholds=str(folder / "thresholds.parquet"),
        losses=losses,
        traced={},
        parquet=str(folder / "paper.parquet"),
        csv=str(folder / "paper.csv"),
        models=models,
        real_sources=["photographs"],
    )
    return str(folder / "paper.parquet")


def write_robustness(folder: Path, formats: tuple[str, ...]) -> str:
    """Write the means of a transform that no rival was measured after, and draw them; return the table's file."""
    rows = [
        {
            "transform": transform,
            "protocol": protocol,
            "metric": metric,
            "signal": signal,
            "accuracy": accuracy,
            "true_positive_rate_at_1_percent": accuracy,
        }
        for transform, accuracies in {"untouched": (0.981, 0.981), "crop-3": (0.502, 0.629)}.items()
        for protocol, accuracy in zip(("untouched", "alike"), accuracies, strict=True)
        for metric, signal in [(METRIC, SIGNAL), ("hfi", "first_loss")]
        if (transform, metric) != ("crop-3", "hfi")
    ]
    file = str(folder / "robustness.csv")
    pd.DataFrame(rows).to_csv(file, index=False)
    plot_robustness(means=file, outputs=figure_files(folder, "robustness", formats), metric=METRIC, signal=SIGNAL)
    return file


def figure_files(folder: Path, name: str, formats: tuple[str, ...]) -> list[str]:
    """Return the files of a figure."""
    return [str(folder / f"plots/{name}.{suffix}") for suffix in formats]


def write_study(
    folder: Path,
    models: int = 3,
    images: int = 40,
    metrics: tuple[str, ...] = ("l2", METRIC),
    side: int = 64,
    formats: tuple[str, ...] = ("png", "svg", "pdf"),
    has_rivals_and_damage: bool = True,
    is_the_papers: bool = False,
) -> Path:
    """Write a study's tables to `folder`, draw its figures and write its report; return the report's file.

    With `is_the_papers` its models, of which there are then eight, are those of the paper.
    """
    sources = write_tables(folder, models, images, metrics, side)
    families = pd.read_parquet(folder / "autoencoders.parquet")["family"].unique()
    tables = {name: str(folder / f"{name}.parquet") for name in ("accuracy", "signals", "thresholds", "autoencoders")}
    (folder / "plots/signals").mkdir(parents=True)
    configured = {"metric": METRIC, "signal": SIGNAL}
    plot_accuracy(
        accuracy=tables["accuracy"],
        autoencoders=tables["autoencoders"],
        outputs=figure_files(folder, "accuracy", formats),
        sources=sources,
        **configured,
    )
    comparison = figure_files(folder, "comparison", formats)
    plot_comparison(accuracy=tables["accuracy"], outputs=comparison, **configured)
    for family in families:
        plot_signals(
            signals=tables["signals"],
            thresholds=tables["thresholds"],
            autoencoders=tables["autoencoders"],
            outputs=figure_files(folder, f"signals/{family}", formats),
            family=family,
            bandwidth="scott",
            sources=sources,
            **configured,
        )
    figures = ["comparison", *(["methods", "robustness", "second_stage"] if has_rivals_and_damage else [])]
    write_report(
        tables=tables,
        images={source: [str(folder / f"images/{source}/00000.parquet")] for source in sources},
        losses={
            family: [str(folder / f"losses/{family}/{source}/00000.parquet") for source in sources]
            for family in families
        },
        paper=write_paper(folder, list(families)) if is_the_papers else None,
        methods=write_methods(folder, formats) if has_rivals_and_damage else None,
        robustness=write_robustness(folder, formats) if has_rivals_and_damage else None,
        models=write_models(folder, formats) if has_rivals_and_damage else [],
        is_closed=False,
        figures={name: str(folder / f"plots/{name}.svg") for name in figures},
        signal_figures={family: str(folder / f"plots/signals/{family}.svg") for family in families},
        configuration=str(folder / "configuration.yaml"),
        benchmarks=str(folder / "benchmarks"),
        output=str(folder / "report.html"),
        **configured,
    )
    return folder / "report.html"
