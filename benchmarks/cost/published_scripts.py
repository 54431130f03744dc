"""The published scripts beside this workflow: losses and homogeneity of the whole demo, measured in one run.

Both sides compute the same: every metric of every source's images by every autoencoder, and every image's homogeneity.

* **The published way** (`published_way.py`) has a process for each autoencoder, source and metric, which loads the
  whole pipeline and reconstructs one image at a time; and one for each source's homogeneity.
* **This workflow** has a job for each autoencoder and source, and one for each source's homogeneity. Snakemake starts
  them as in any study, and what it needs itself counts.
* **Its functions alone** (`our_way.py`) are those of the same jobs, called one after the other in one process: what
  would be left if nothing were planned, and nothing imported twice.

The images are made first and do not count. LPIPS is left out unless `--metrics` names it, because AlexNet's weights are
not at hand; then both sides run it with random ones, which cost the same. One thread a process, float32, no GPU.
Thresholds and accuracy are left out on both sides.

CPU seconds and peak memory are the kernel's, of all processes of a side. Bytes read are what its processes asked files
for, libraries' code among it, but not what they mapped into memory instead. So weights are counted apart, by the sizes
of the files that are loaded.

Then the results are compared. Homogeneity must be the same. Loss ratios must be the same to rounding where nothing is
drawn; where an autoencoder has a posterior, the published way draws from it, while the demo takes its mode.

    python benchmarks/cost/published_scripts.py [--images 12] [--cores 1] [--metrics l1 l2 ssim psnr]
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from processes import Cost, print_costs, run, size_of_weights, together

HERE = Path(__file__).parent
MODELS = Path("demo/models")
AUTOENCODERS = ("demo-sd", "demo-sd3", "demo-tiny", "demo-xl", "demo-vq")
PHOTOGRAPHS = "photographs"


@dataclass(frozen=True)
class Study:
    """A part of the demo, in a folder of its own."""

    folder: Path
    autoencoders: Sequence[str]
    sources: Sequence[str]
    metrics: Sequence[str]
    images: int
    cores: int

    def tables(self, kind: str, owners: Iterable[str] = ("",)) -> list[Path]:
        """Return the tables of every source."""
        return [self.folder / kind / owner / source / "00000.parquet" for owner in owners for source in self.sources]

    def part(self, what: str) -> list[str | Path]:
        """Return the command that does a part of this benchmark."""
        lists = (",".join(names) for names in (self.autoencoders, self.sources, self.metrics))
        return [sys.executable, HERE / "our_way.py", what, self.folder, *lists]

    def snakemake(self, targets: Iterable[Path]) -> list[str | Path]:
        """Return the command that makes `targets`."""
        signals = {key: self.metrics[0] for key in ("metric", "verdict_metric", "second_metric")}
        signals |= {key: "loss_ratio" for key in ("signal", "verdict_signal")}
        reconstruction: dict[str, object] = {"metrics": list(self.metrics), "orientations": "stored"}
        if "lpips" in self.metrics:
            reconstruction["lpips_backbone"] = str(self.folder / "alexnet.safetensors")
        settings = {
            "results": str(self.folder),
            "images_per_source": self.images,
            "reconstruction": reconstruction,
            "attribution": signals,
        }
        given = [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.items()]
        demo = ("--cores", str(self.cores), "--configfile", "config/demo.yaml", "--config")
        return [sys.executable, "-m", "snakemake", *demo, *given, "--", *targets]

    def size_of_autoencoders(self) -> int:
        """Return the bytes of weights if each autoencoder is loaded once for each source."""
        folders = [folder for name in self.autoencoders for folder in (MODELS / name).glob("v*ae")]
        return len(self.sources) * sum(map(size_of_weights, folders))


def make_images(study: Study) -> None:
    """Make the images, and what else neither side is timed for."""
    study.folder.mkdir(parents=True, exist_ok=True)
    if "lpips" in study.metrics:
        run(study.part("alexnet"))
    run(study.snakemake(study.tables("images") + study.tables("histories")))
    for folder in ("pictures", "published", "losses", "homogeneity"):
        shutil.rmtree(study.folder / folder, ignore_errors=True)
    run(study.part("pictures"))


def run_published(study: Study) -> Cost:
    """Run a process for each autoencoder, source and metric, and one for each source's homogeneity."""
    output, way = study.folder / "published", (sys.executable, HERE / "published_way.py")
    output.mkdir()
    jobs: list[tuple[Sequence[str | Path], int]] = [
        ((*way, "homogeneity", study.folder / "pictures" / source, output / f"homogeneity {source}"), 0)
        for source in study.sources
    ]
    for name in study.autoencoders:
        for source in study.sources:
            for metric in study.metrics:
                pictures, losses = study.folder / "pictures" / source, output / f"{name} {source} {metric}"
                command = (*way, "losses", MODELS / name, pictures, metric, losses)
                jobs.append((command, size_of_weights(MODELS / name)))
    began = time.monotonic()
    with ThreadPoolExecutor(study.cores) as pool:
        costs = list(pool.map(lambda job: run(*job), jobs))
    return together(costs, time.monotonic() - began)


def run_workflow(study: Study) -> Cost:
    """Run the workflow for the tables of losses and homogeneity."""
    targets = study.tables("losses", study.autoencoders) + study.tables("homogeneity")
    cost = run(study.snakemake(targets), study.size_of_autoencoders())
    return Cost(1 + len(targets), cost.wall, cost.cpu, cost.peak, cost.read, cost.weights)


def run_functions(study: Study) -> Cost:
    """Run all jobs' functions in one process."""
    return run(study.part("functions"), study.size_of_autoencoders())


SIDES = {"published way": run_published, "this workflow": run_workflow, "its functions alone": run_functions}


def read_arguments() -> Study:
    """Return the study that the command line asks for."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--images", type=int, default=12, help="images of each source, at most 72")
    parser.add_argument("--cores", type=int, default=1, help="processes at a time, on either side")
    parser.add_argument("--metrics", nargs="+", default=["l1", "l2", "ssim", "psnr"])
    parser.add_argument("--autoencoders", nargs="+", default=AUTOENCODERS, choices=AUTOENCODERS)
    parser.add_argument("--sources", nargs="+", default=(*AUTOENCODERS, PHOTOGRAPHS))
    parser.add_argument("--folder", type=Path, default=Path("results/published_scripts"), help="for images and results")
    given = parser.parse_args()
    return Study(given.folder, given.autoencoders, given.sources, given.metrics, given.images, given.cores)


def main() -> None:
    study = read_arguments()
    make_images(study)
    costs, loads = {}, [os.getloadavg()[0]]
    for name, measure in SIDES.items():
        costs[name] = measure(study)
        loads.append(os.getloadavg()[0])
        print(f"{name}: {costs[name]}", file=sys.stderr, flush=True)
    counts = f"{len(study.autoencoders)} autoencoders, {len(study.sources)} sources of {study.images} images"
    print(f"{counts}, {', '.join(study.metrics)}; {study.cores} of {os.cpu_count()} cores used")
    print(f"load before and after each: {', '.join(f'{load:.1f}' for load in loads)}\n")
    print_costs(costs)
    sys.stdout.flush()
    os.execv(sys.executable, list(map(str, study.part("compare"))))


if __name__ == "__main__":
    main()
