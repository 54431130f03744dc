"""Time and memory of `reconstruct_images`, beside the published script's way of computing the same losses.

Both sides reconstruct the same pictures twice, in float32 on the CPU with the same number of threads, with an
AutoencoderKL of Stable Diffusion's real size (83.7 million parameters). Its weights are random: neither time nor memory
depends on their values, and nothing is downloaded.

Ours is the script function of `workflow/scripts/reconstruct_images.py`: it reads an images table, loads the autoencoder
alone, reconstructs batches of the configuration's default size, and computes every metric from one double
reconstruction.

The baseline is what the published cal_loss_ratio.py does, written without its code (`published_way.py`). It
* loads the whole pipeline: here autoencoder, denoiser (860 million parameters) and text encoder (123 million), as
  Stable Diffusion 1.5 has them. The safety checker (304 million more) is left out, in the baseline's favour;
* takes one image at a time, and draws the latent from the posterior with one generator;
* computes one metric a run, so that five metrics are five runs, each of which loads and reconstructs again;
* computes the metric twice a pass, against the pass's input and against the original image; in the first pass the two
  are the same number.
It calls torch.compile, which changes nothing (encode and decode are reached past the compiled forward), and the CPU
offload, which refuses to work without an accelerator: both are left out here.

What this cannot show: on a CPU, weights that nothing touches stay in their file, which is mapped. So the denoiser takes
disk and start-up, and hardly any memory; a GPU would hold it all.

Each run has a process of its own. Start-up is everything before the first image is read: importing and loading (from
files that were written a moment before, so mostly from the page cache). The rest is divided by the images. CPU seconds
stand beside the clock's: they alone can be compared where a machine has other work. Peak memory is the process's
largest resident set. LPIPS runs on an AlexNet with random weights on both sides.

    python benchmarks/cost/double_reconstruction.py --images 4 --size 256 --threads 2
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock

# Ahead of this file's own folder, where a module has the script's name.
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts"))

PUBLISHED_METRICS = ("l1", "l2", "ssim", "psnr", "lpips")
MAIN_METRIC = "l2"
BATCH_SIZE = 4


@dataclass(frozen=True)
class Run:
    """What one process measured: seconds and CPU seconds until the first image and for each image, peak bytes."""

    start_up: float
    start_up_cpu: float
    per_image: float
    per_image_cpu: float
    peak_memory: int


@dataclass(frozen=True)
class Files:
    """What both sides read."""

    pipeline: Path
    backbone: Path
    pictures: Path
    table: Path


def write_files(folder: Path, images: int, size: int) -> Files:
    """Save a pipeline with random weights in Stable Diffusion 1.5's sizes, AlexNet, and random pictures."""
    import diffusers
    import numpy as np
    import torch
    import torchvision
    import transformers
    from safetensors.torch import save_file

    from aedr.images.pictures import describe_image, encode_png
    from aedr.tables.files import write_table

    torch.manual_seed(0)
    pipeline = folder / "pipeline"
    autoencoder: Any = diffusers.AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        layers_per_block=2,
        sample_size=512,
    )
    autoencoder.save_pretrained(pipeline / "vae")
    denoiser: Any = diffusers.UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    denoiser.save_pretrained(pipeline / "unet")
    text = transformers.CLIPTextConfig(
        vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
    )
    transformers.CLIPTextModel(text).save_pretrained(pipeline / "text_encoder")

    alexnet = torchvision.models.alexnet(weights=None)
    save_file(alexnet.state_dict(), folder / "alexnet.safetensors")

    (folder / "pictures").mkdir()
    random = np.random.default_rng(0)
    rows = []
    for at in range(images):
        data = encode_png(random.integers(0, 256, (size, size, 3), np.uint8))
        (folder / "pictures" / f"{at:03}.png").write_bytes(data)
        row = {"image_id": f"random/{at:03}", "source": "random"}
        rows.append(row | describe_image(data, f"{at:03}.png"))
    write_table(folder / "images.parquet", "images", rows, {})
    return Files(pipeline, folder / "alexnet.safetensors", folder / "pictures", folder / "images.parquet")


def run_ours(files: Files, metrics: tuple[str, ...], images: int, threads: int) -> Run:
    """Run the script function of the rule `reconstruct_images`, as its job does."""
    clock = _Clock()
    os.environ["OMP_NUM_THREADS"] = str(threads)
    from aedr.reconstruction import shards
    from reconstruct_images import reconstruct_images

    reconstruct_shard = shards.reconstruct_shard

    def timed(*arguments: Any) -> list[dict[str, object]]:
        clock.images_begin()
        return reconstruct_shard(*arguments)

    with mock.patch.object(shards, "reconstruct_shard", timed):
        reconstruct_images(
            str(files.table),
            "",
            str(files.table.with_name("losses.parquet")),
            {"folder": str(files.pipeline / "vae"), "precision": "float32", "quantise": None, "trusted_pickle": False},
            metrics,
            str(files.backbone) if "lpips" in metrics else None,
            {
                "study_seed": 0,
                "autoencoder": "random",
                "encoding": "sample",
                "off_grid": "resize",
                "resize_to": None,
            },
            [],
            {"device": "cpu", "batch_size": BATCH_SIZE},
        )
    return clock.finish(images)


def run_published(files: Files, metric: str, images: int, threads: int) -> Run:
    """Compute one metric as the published script does; see this module's docstring."""
    clock = _Clock()
    import diffusers
    import torch
    import transformers
    from published_way import distance_of, losses_of

    torch.set_num_threads(threads)
    pipeline: Any = diffusers.StableDiffusionPipeline(
        vae=diffusers.AutoencoderKL.from_pretrained(files.pipeline / "vae"),
        text_encoder=transformers.CLIPTextModel.from_pretrained(files.pipeline / "text_encoder"),
        unet=diffusers.UNet2DConditionModel.from_pretrained(files.pipeline / "unet"),
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
        tokenizer=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    distance = distance_of(metric)

    clock.images_begin()
    list(losses_of(pipeline.vae, sorted(files.pictures.iterdir()), distance))
    return clock.finish(images)


class _Clock:
    """Times a process from its first line of work to its last."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def images_begin(self) -> None:
        self._begin, self._begin_cpu = time.perf_counter(), time.process_time()

    def finish(self, images: int) -> Run:
        return Run(
            start_up=self._begin - self._start,
            start_up_cpu=self._begin_cpu,
            per_image=(time.perf_counter() - self._begin) / images,
            per_image_cpu=(time.process_time() - self._begin_cpu) / images,
            peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )


def in_new_process(function: Callable[..., Any], *arguments: object) -> Any:
    """Return what `function` returns in a fresh interpreter.

    This process must stay small: Linux starts a child's peak memory at its parent's.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        result = process.submit(function, *arguments).result()
    print(f"{function.__name__}: {result}", file=sys.stderr, flush=True)
    return result


def print_table(ours: Run, ours_all: Run, published: dict[str, Run]) -> None:
    """Print both sides and their ratios; the published way to all metrics is the sum of its runs."""
    runs = list(published.values())
    everything = Run(
        start_up=sum(run.start_up for run in runs),
        start_up_cpu=sum(run.start_up_cpu for run in runs),
        per_image=sum(run.per_image for run in runs),
        per_image_cpu=sum(run.per_image_cpu for run in runs),
        peak_memory=max(run.peak_memory for run in runs),
    )
    print("| | start-up, s | start-up, CPU s | an image, s | an image, CPU s | peak memory, GB |")
    print("|---|---|---|---|---|---|")
    for what, theirs, mine in (
        (f"one metric ({MAIN_METRIC})", published[MAIN_METRIC], ours),
        (f"{len(runs)} metrics", everything, ours_all),
    ):
        left, right = _figures(theirs), _figures(mine)
        ratios = [a / b for a, b in zip(left, right, strict=True)]
        for name, figures, decimals in (
            ("published way", left, 2),
            ("ours", right, 2),
            ("published / ours", ratios, 1),
        ):
            print(f"| {what}, {name} | {' | '.join(f'{figure:.{decimals}f}' for figure in figures)} |")


def _figures(run: Run) -> tuple[float, ...]:
    return (run.start_up, run.start_up_cpu, run.per_image, run.per_image_cpu, run.peak_memory / 1e9)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--images", type=int, default=4, help="pictures (default %(default)s)")
    parser.add_argument("--size", type=int, default=256, help="their side in pixels (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each process (default %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = in_new_process(write_files, Path(folder), arguments.images, arguments.size)
        runs = {
            metrics: in_new_process(run_ours, files, metrics, arguments.images, arguments.threads)
            for metrics in ((MAIN_METRIC,), PUBLISHED_METRICS)
        }
        published = {
            metric: in_new_process(run_published, files, metric, arguments.images, arguments.threads)
            for metric in PUBLISHED_METRICS
        }
    print(f"\n{arguments.images} pictures of {arguments.size} x {arguments.size}, {arguments.threads} threads\n")
    print_table(runs[(MAIN_METRIC,)], runs[PUBLISHED_METRICS], published)


if __name__ == "__main__":
    main()
