"""Time and memory of the jobs that collect a whole study, and the size of its report.

Writes tables of losses and homogeneity of random numbers, of the study's images and of the same images after one
transform, and runs the scripts' functions on them, each in a process of its own. Metrics and settings are the
configuration's defaults, so most metrics are measured on all images, and those of `refined_images` on a few of each
source. These jobs hold one family at a time, so their memory follows from `--images`, and their time from images times
`--families`.

The second stage asks three models of one family about `--asked` images of each; its errors are random numbers too.
With `--open`, Chromium opens the report, and a cell of the matrix is pressed with each signal.

    python benchmarks/cost/collecting.py [--images 100000] [--sources 31] [--families 2] [--asked 300] [--open]
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "workflow" / "scripts"))

from aedr.images.pictures import describe_image, encode_png  # noqa: E402
from aedr.study.configuration import complete_configuration  # noqa: E402
from aedr.tables.files import write_table  # noqa: E402
from check_calibration import check_calibration  # noqa: E402
from collect_denoising import collect_denoising  # noqa: E402
from collect_robustness import collect_robustness  # noqa: E402
from compare_methods import compare_methods  # noqa: E402
from compute_signals import compute_signals  # noqa: E402
from evaluate_accuracy import evaluate_accuracy  # noqa: E402
from evaluate_models import evaluate_models  # noqa: E402
from evaluate_robustness import evaluate_robustness  # noqa: E402
from export_calibration import export_calibration  # noqa: E402
from fit_threshold import fit_threshold  # noqa: E402
from plot_comparison import plot_comparison  # noqa: E402
from plot_signals import plot_signals  # noqa: E402
from write_report import write_report  # noqa: E402

ANYTHING = {"models": {"a": {"path": "a"}}, "image_sets": {"b": {"folder": "b"}}, "second_stage": {}}
CONFIG = complete_configuration(ANYTHING, ROOT / "workflow" / "schemas" / "config.schema.yaml")
METRICS, REFINED_IMAGES = CONFIG["reconstruction"]["metrics"], CONFIG["reconstruction"]["refined_images"]
ATTRIBUTION, STAGE = CONFIG["attribution"], CONFIG["second_stage"]
PHOTOGRAPHS, TRANSFORM = "photographs", "jpeg"
COST = {
    "images": 1,
    "seconds": 1.0,
    "parts": {"first_reconstruction": 1.0, "second_reconstruction": 1.0},
    "peak_memory_bytes": 1,
    "device": "cpu",
}


class Study:
    """Tables of random numbers in a folder, and the files that its jobs read and write.

    Args:
        images: in all, evenly over the sources.
        families: the first sources' autoencoders.
        shard_size: images in a file.
    """

    def __init__(self, folder: Path, images: int, sources: list[str], families: list[str], shard_size: int) -> None:
        self.folder, self.sources, self.families = folder, sources, families
        self.each, self.shard_size = images // len(sources), shard_size
        self.chance = np.random.default_rng(0)

    def file(self, name: str) -> str:
        """Return the path of a file in the folder."""
        return str(self.folder / name)

    def shards(self, table: str, damage: str = "") -> list[str]:
        """Return the files of a table of every source."""
        return [file for source in self.sources for file in self.shards_of(table, source + damage)]

    def shards_of(self, table: str, source: str) -> list[str]:
        """Return the files of a source's table."""
        count = -(-self.each // self.shard_size)
        return [self.file(f"{table}/{source}/{shard:05d}.parquet") for shard in range(count)]

    def losses(self, damage: str = "") -> dict[str, list[str]]:
        """Return the files of losses by family."""
        return {family: self.shards(f"losses/{family}", damage) for family in self.families}

    def write(self) -> None:
        """Write the tables that the study has before its collecting jobs."""
        digests = [f"{i:064x}" for i in range(len(self.families))]
        autoencoders = pd.DataFrame({"autoencoder": self.families, "family": self.families})
        autoencoders = autoencoders.assign(parameters=1, factor=8, shares_encoder_with=[[]] * len(self.families))
        autoencoders = autoencoders.assign(encoder_sha256=digests, decoder_sha256=digests)
        rows = autoencoders.assign(**{"class": "AutoencoderKL"})
        write_table(self.file("autoencoders.parquet"), "autoencoders", rows, {})
        picture = describe_image(encode_png(np.zeros((8, 8, 3), np.uint8)), "picture.png", 64)
        for source in self.sources:
            ids = np.array([f"{source}/{i:07d}" for i in range(self.each)])
            for place, shard in enumerate(range(0, self.each, self.shard_size)):
                of_shard = ids[shard : shard + self.shard_size]
                images = [picture | {"image_id": image_id, "source": source} for image_id in of_shard]
                write_table(self.shards_of("images", source)[place], "images", images, {})
                refined = max(0, min(len(of_shard), REFINED_IMAGES - shard))
                for damage in ("", f".{TRANSFORM}"):
                    self._measure(source, damage, place, of_shard, refined)
        self.folder.joinpath("configuration.yaml").write_text("seed: 0\n")

    def _measure(self, source: str, damage: str, place: int, ids: np.ndarray, refined: int) -> None:
        """Write a shard's homogeneity, and its losses under every family."""
        images = pd.DataFrame({"image_id": ids, "source": source, "group": ids})
        images["homogeneity"] = self.chance.uniform(0.1, 0.9, len(ids))
        write_table(self.shards_of("homogeneity", source + damage)[place], "homogeneity", images, {})
        keys = pd.MultiIndex.from_product([ids, METRICS], names=["image_id", "metric"]).to_frame(index=False)
        is_refined = keys["metric"].str.startswith(("cell_", "refined_"))
        keys = keys[~is_refined | keys["image_id"].isin(ids[:refined])]
        for family in self.families:
            second = self.chance.lognormal(-5, 1, len(keys))
            first = second * self.chance.lognormal(0.1 if source == family else 1, 0.3, len(keys))
            losses = keys.assign(source=source, autoencoder=family, fit="whole", width=512, height=512)
            losses = losses.assign(first_loss=first, second_loss=second)
            file = self.shards_of(f"losses/{family}", source + damage)[place]
            write_table(file, "losses", losses, {"cost": COST})

    def ask(self, models: list[str], asked: int) -> dict[tuple[str, str], str]:
        """Write the errors of `asked` images of each model under each; return the files by model and source."""
        files = {}
        for source in models:
            ids = [f"{source}/{i:07d}" for i in range(asked)]
            asks = pd.MultiIndex.from_product([ids, STAGE["levels"], range(STAGE["noises"])])
            rows = asks.set_names(["image_id", "level", "noise"]).to_frame(index=False).assign(width=512, height=512)
            rows["of_image"] = self.chance.lognormal(0, 0.3, len(ids))[rows["image_id"].factorize()[0]]
            for model in models:
                error = rows["of_image"] * self.chance.lognormal(-0.1 if model == source else 0, 0.05, len(rows))
                told = rows.drop(columns="of_image").assign(source=source, model=model, error=error)
                files[model, source] = self.file(f"errors/{model}/{source}.parquet")
                digest = f"{models.index(model):064x}"
                write_table(files[model, source], "denoising", told, {"cost": COST, "denoiser_sha256": digest})
        return files


def jobs(study: Study) -> Iterator[partial[None]]:
    """Yield the jobs that collect the study, in their order."""
    signals, thresholds, accuracy = (study.file(f"{name}.parquet") for name in ("signals", "thresholds", "accuracy"))
    autoencoders, parameters = study.file("autoencoders.parquet"), study.file("fitted_parameters.parquet")
    calibration, robustness = study.file("calibration.parquet"), study.file("robustness.parquet")
    losses, families = study.losses(), study.families
    own_sources = {family: [family] for family in families}
    levels = dict.fromkeys(families, ATTRIBUTION["significance_level"])
    configured = {key: ATTRIBUTION[key] for key in ("metric", "signal")}
    fitting = {"inversion": ATTRIBUTION["threshold"], "bandwidth": ATTRIBUTION["bandwidth"]}
    yield partial(
        compute_signals,
        losses=[file for files in losses.values() for file in files],
        families=[family for family, files in losses.items() for _ in files],
        homogeneity=study.shards("homogeneity"),
        autoencoders=autoencoders,
        signals_output=signals,
        parameters_output=parameters,
        own_sources=own_sources,
        held_out=ATTRIBUTION["held_out"],
    )
    yield partial(
        fit_threshold,
        signals=signals,
        autoencoders=autoencoders,
        output=thresholds,
        alphas=levels,
        **fitting,
        **configured,
    )
    yield partial(
        evaluate_accuracy,
        signals=signals,
        thresholds=thresholds,
        parquet=accuracy,
        csv=study.file("accuracy.csv"),
        means=study.file("means.csv"),
        comparison=study.file("comparison.csv"),
        real_sources=[PHOTOGRAPHS],
        **configured,
    )
    yield partial(
        compare_methods,
        accuracy=accuracy,
        losses=losses,
        rivals={},
        parquet=study.file("methods.parquet"),
        csv=study.file("methods.csv"),
        real_sources=[PHOTOGRAPHS],
    )
    metrics = [ATTRIBUTION[key] for key in ("verdict_metric", "second_metric") if ATTRIBUTION[key]]
    preprocessing = {family: {"off_grid": "crop"} for family in families}
    yield partial(
        export_calibration,
        signals,
        parameters,
        autoencoders,
        calibration,
        metrics=metrics,
        signal=ATTRIBUTION["verdict_signal"],
        real_sources=[PHOTOGRAPHS],
        preprocessing=preprocessing,
    )
    yield partial(
        check_calibration,
        calibration=calibration,
        autoencoders=autoencoders,
        families=study.file("families.json"),
        measures=study.file("measures.json"),
        preprocessing=preprocessing,
        metrics=METRICS,
        level=ATTRIBUTION["verdict_level"],
        confidence=ATTRIBUTION["verdict_confidence"],
    )
    yield partial(
        evaluate_robustness,
        damaged=(study.losses(f".{TRANSFORM}"), study.shards("homogeneity", f".{TRANSFORM}")),
        untouched=(losses, study.shards("homogeneity")),
        autoencoders=autoencoders,
        output=robustness,
        transform=TRANSFORM,
        own_sources=own_sources,
        alphas=levels,
        held_out=ATTRIBUTION["held_out"],
        **fitting,
    )
    yield partial(
        collect_robustness,
        robustness=[robustness],
        accuracy=accuracy,
        means=study.file("robustness.csv"),
        cells=study.file("robustness_cells.csv"),
        real_sources=[PHOTOGRAPHS],
        **configured,
    )
    yield partial(plot_comparison, accuracy=accuracy, outputs=[study.file("comparison.svg")], **configured)
    for family in families:
        yield partial(
            plot_signals,
            signals=signals,
            thresholds=thresholds,
            autoencoders=autoencoders,
            outputs=[study.file(f"{family}.{suffix}") for suffix in ("png", "svg", "pdf")],
            family=family,
            bandwidth=ATTRIBUTION["bandwidth"],
            sources=study.sources,
            **configured,
        )
    yield partial(
        write_report,
        tables={
            "accuracy": accuracy,
            "signals": signals,
            "thresholds": thresholds,
            "autoencoders": autoencoders,
        },
        images={source: study.shards_of("images", source) for source in study.sources},
        losses=losses,
        figures={"comparison": study.file("comparison.svg")},
        signal_figures={family: study.file(f"{family}.svg") for family in families},
        paper=None,
        methods=None,
        robustness=None,
        models=[],
        is_closed=None,
        configuration=study.file("configuration.yaml"),
        benchmarks=study.file("benchmarks"),
        output=study.file("report.html"),
        **configured,
    )


def second_stage_jobs(study: Study, asked: int) -> Iterator[partial[None]]:
    """Yield the jobs that collect the second stage's errors of `asked` images of each of three models."""
    models = study.sources[:3]
    files = study.ask(models, asked)
    family = [models[0]] * len(files)
    calibration = study.file("models.parquet")
    yield partial(
        collect_denoising,
        errors=list(files.values()),
        families=family,
        homogeneity=[file for source in models for file in study.shards_of("homogeneity", source)],
        output=calibration,
        held_out=ATTRIBUTION["held_out"],
        settings={"levels": STAGE["levels"], "noises": STAGE["noises"], "refinement_steps": 0},
        model_settings=dict.fromkeys(models, {}),
    )
    tables = ["signals", *(f"{name}{end}" for name in ("confusion", "calls", "costs") for end in ("", "_csv"))]
    yield partial(
        evaluate_models,
        calibration=calibration,
        errors=list(files.values()),
        families=family,
        names=list(files),
        losses=[],
        families_of_losses=[],
        outputs={name: study.file(f"of_models_{name}") for name in tables},
        score=STAGE["score"],
        is_closed=STAGE["closed"],
        level=ATTRIBUTION["verdict_level"],
        confidence=ATTRIBUTION["verdict_confidence"],
    )


def measured(function: Callable[[], None]) -> tuple[float, float]:
    """Run a function and return this process's CPU seconds and peak memory in GB."""
    function()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def open_report(page: Path, profile: Path) -> None:
    """Open the report in Chromium, press a cell for each signal of the configured metric, and print the seconds."""
    sys.path.append(str(ROOT / "tests" / "support"))
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    from browser import open_browser, visit

    with open_browser(profile) as browser:
        began = time.perf_counter()
        visit(browser, page, 1600)
        cells = browser.find_elements(By.CSS_SELECTOR, "#matrix .cell")
        print(f"opened in {time.perf_counter() - began:.1f} s by the clock, {len(cells)} cells")
        choice = Select(browser.find_element(By.ID, "choice-signal"))
        times = []
        for option in choice.options:
            began = time.perf_counter()
            choice.select_by_visible_text(option.text)
            cells[1].click()
            times.append(time.perf_counter() - began)
        dots = browser.find_element(By.CSS_SELECTOR, "#cell-chart path").get_attribute("d").count("M")
        print(f"another signal in {max(times):.1f} s at most; {dots} own images in the chart")
        heap = browser.execute_cdp_cmd("Runtime.getHeapUsage", {})["usedSize"]
        print(f"the page's scripts hold {heap / 1e6:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--images", type=int, default=100_000, help="in all (default %(default)s)")
    parser.add_argument("--sources", type=int, default=31, help="one of them photographs (default %(default)s)")
    parser.add_argument("--families", type=int, default=2, help="families of autoencoders (default %(default)s)")
    parser.add_argument("--shard-size", type=int, default=2000, help="images in a file (default %(default)s)")
    parser.add_argument("--asked", type=int, default=300, help="images of a model, second stage (default %(default)s)")
    parser.add_argument("--open", action="store_true", help="open the report in Chromium")
    arguments = parser.parse_args()
    sources = [f"model-{i:02d}" for i in range(arguments.sources - 1)] + [PHOTOGRAPHS]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        study = Study(folder, arguments.images, sources, sources[: arguments.families], arguments.shard_size)
        study.write()
        print("| job | CPU s | peak, GB |\n|---|---|---|")
        for job in [*jobs(study), *second_stage_jobs(study, arguments.asked)]:
            with ProcessPoolExecutor(1, get_context("spawn")) as process:
                seconds, memory = process.submit(measured, job).result()
            print(f"| {job.func.__name__} | {seconds:.0f} | {memory:.2f} |", flush=True)
        written = ["signals.parquet", "calibration.parquet", f"{study.families[0]}.svg", "report.html"]
        print("\n" + "\n".join(f"{name}: {(folder / name).stat().st_size / 1e6:.1f} MB" for name in written))
        if arguments.open:
            open_report(folder / "report.html", folder / "profile")


if __name__ == "__main__":
    main()
