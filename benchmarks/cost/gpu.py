"""Double reconstruction on a GPU: images a second by batch, precision and layout, and what they change in loss ratios.

It needs neither network nor weights, and prints the device's name. Two tables:

* **Speed.** Autoencoders of the published sizes with random weights, since time and memory do not depend on their
  values: SD and SDXL (the same sizes, 4 latent channels), SD3.5 and FLUX.1 (16, without quantising convolutions). The
  baseline is the published way: one picture at a time, torch's own defaults, which let convolutions use TF32; in
  bfloat16 for FLUX.1, as the authors ran it, and otherwise in float32. Each pass makes both reconstructions and the
  losses l2 and high_frequency; pictures lie on the device already. Compilation and one pass are not timed.
* **Change.** The demo's trained autoencoders, since random weights say nothing about losses: their own decodings of the
  demo's photographs and the photographs themselves, by each way beside float32 without TF32. A threshold is a quantile
  of own images' ratios. With 500 normally distributed log ratios, the standard error of the .95 quantile is .095 of
  their standard deviation. So a way is `within` if it moves the mean log ratio, of own images and of photographs,
  by at most a tenth of own images' deviation: less than what another 500 images would move the threshold.

What this cannot show: published weights have other ranges of activations (SDXL's overflow in float16), and smaller
losses, which precision touches sooner. Where a way is to be used, check it on these weights.

    python benchmarks/cost/gpu.py [--small]

--small takes tiny networks and few pictures, which a CPU does in seconds.
"""

import argparse
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import numpy.typing as npt
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from aedr.autoencoders.loading import Autoencoder, load_autoencoder  # noqa: E402
from aedr.images.pictures import decode_image  # noqa: E402
from aedr.reconstruction.double_reconstruction import double_losses  # noqa: E402
from aedr.reconstruction.losses import LOSSES  # noqa: E402
from aedr.reconstruction.pixels import round_to_8_bits, to_tensor  # noqa: E402

METRICS = ("l2", "high_frequency")
# Latent channels, and whether convolutions surround the latents.
SIZES = {"SD, SDXL": (4, True), "SD3.5, FLUX.1": (16, False)}
DEMO = ("demo-sd", "demo-sd3", "demo-xl", "demo-tiny")
FACTOR = 8
TOLERANCE = 0.1
PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Way:
    """How an autoencoder is run; `tf32` names what may use it: "convolutions", "all" or nothing."""

    precision: str = "float32"
    tf32: str = ""
    channels_last: bool = False
    compiled: bool = False

    def __str__(self) -> str:
        options = {
            f"TF32 ({self.tf32})": bool(self.tf32),
            "channels_last": self.channels_last,
            "compiled": self.compiled,
        }
        return ", ".join([self.precision, *(name for name, chosen in options.items() if chosen)])

    def prepare(self, network: Any) -> Any:
        """Return the network, changed to be run this way, which also sets what torch may use."""
        torch.backends.cudnn.allow_tf32 = bool(self.tf32)
        torch.backends.cuda.matmul.allow_tf32 = self.tf32 == "all"
        network = network.to(PRECISIONS[self.precision])
        if self.channels_last:
            network = network.to(memory_format=torch.channels_last)
        if self.compiled:
            network.encoder, network.decoder = torch.compile(network.encoder), torch.compile(network.decoder)
        return network


WAYS = (
    Way(),
    Way(channels_last=True),
    Way(tf32="convolutions"),
    Way(tf32="all"),
    Way(tf32="all", channels_last=True),
    Way("float16"),
    Way("float16", channels_last=True),
    Way("bfloat16"),
    Way("bfloat16", channels_last=True),
    Way(tf32="all", channels_last=True, compiled=True),
    Way("bfloat16", channels_last=True, compiled=True),
)


def random_network(latent_channels: int, with_convolutions: bool, small: bool) -> Any:
    """Return an AutoencoderKL with random weights, of the published sizes unless `small`."""
    channels = (32, 32, 32, 32) if small else (128, 256, 512, 512)
    torch.manual_seed(0)
    return diffusers.AutoencoderKL(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        layers_per_block=1 if small else 2,
        latent_channels=latent_channels,
        use_quant_conv=with_convolutions,
        use_post_quant_conv=with_convolutions,
    )


def as_autoencoder(network: Any, way: Way, device: torch.device) -> Autoencoder:
    """Return a network, which is changed, as the workflow uses it."""
    return Autoencoder(way.prepare(network.eval().requires_grad_(False).to(device)), FACTOR, quantise=False)


def reconstruct(autoencoder: Autoencoder, images: torch.Tensor) -> dict[str, npt.NDArray[np.float64]]:
    """Return each metric's losses of a batch, shape (images, 2)."""
    losses = double_losses(autoencoder, images, {metric: LOSSES[metric] for metric in METRICS})
    return {metric: np.array(pairs) for metric, pairs in losses.items()}


def images_a_second(autoencoder: Autoencoder, images: torch.Tensor, seconds: float) -> float:
    """Repeat passes for at least so many seconds. Losses are numbers, so a pass that ended is computed."""
    reconstruct(autoencoder, images)
    began, passes = time.perf_counter(), 0
    while passes == 0 or time.perf_counter() - began < seconds:
        reconstruct(autoencoder, images)
        passes += 1
    return passes * len(images) / (time.perf_counter() - began)


def measured_speed(
    autoencoder: Autoencoder, pixels: int, batch: int, device: torch.device, seconds: float
) -> tuple[float, float]:
    """Return images a second and gigabytes that torch held at most on a GPU; nan where they do not fit."""
    images = torch.rand((batch, 3, pixels, pixels), generator=torch.Generator().manual_seed(0)).to(device) * 2 - 1
    on_gpu = device.type == "cuda"
    try:
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        speed = images_a_second(autoencoder, images, seconds)
        return speed, torch.cuda.max_memory_allocated() / 1e9 if on_gpu else float("nan")
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return float("nan"), float("nan")


def speeds(
    pixels: Sequence[int], batches: Sequence[int], ways: Sequence[Way], device: torch.device, small: bool
) -> Iterator[tuple[str, int, str, int, float, float, float]]:
    """Yield size, pixels, way, batch, images a second, how many times the published way's, and gigabytes."""
    seconds = 0.0 if small else 1.0
    for size, (latent_channels, with_convolutions) in SIZES.items():
        for side in pixels:
            published = Way("bfloat16" if latent_channels == 16 else "float32", "convolutions")
            baseline = 0.0
            for name, way, counts in (("published way: ", published, [1]), *(("", way, batches) for way in ways)):
                network = random_network(latent_channels, with_convolutions, small)
                autoencoder = as_autoencoder(network, way, device)
                for batch in counts:
                    speed, memory = measured_speed(autoencoder, side, batch, device, seconds)
                    baseline = baseline or speed
                    yield size, side, f"{name}{way}", batch, speed, speed / baseline, memory


def demo_pictures(autoencoder: Autoencoder, count: int, device: torch.device) -> Mapping[str, torch.Tensor]:
    """Return own decodings of the demo's photographs, in 8 bits, and the photographs."""
    files = sorted((ROOT / "demo" / "photographs").glob("*.png"))
    photographs = to_tensor([decode_image(file.read_bytes()) for file in files[:: len(files) // count][:count]], device)
    with torch.inference_mode():
        own = round_to_8_bits(autoencoder.reconstruct(photographs, "mode", ()))
    return {"own": own, "photographs": photographs}


def log_ratios(autoencoder: Autoencoder, images: torch.Tensor) -> dict[str, npt.NDArray[np.float64]]:
    """Return each metric's logarithm of the ratio of first to second loss, shape (images,)."""
    return {metric: np.log(pairs[:, 0] / pairs[:, 1]) for metric, pairs in reconstruct(autoencoder, images).items()}


def changes(
    names: Sequence[str], ways: Sequence[Way], device: torch.device, count: int
) -> Iterator[tuple[str, str, str, float, float, float, float, bool]]:
    """Yield autoencoder, way, metric, deviation of own log ratios, changes of means, largest change, whether within."""
    for name in names:

        def load(way: Way, name: str = name) -> Autoencoder:
            autoencoder = load_autoencoder(ROOT / "demo" / "models" / name, "float32", device)
            way.prepare(autoencoder.network)
            return autoencoder

        exact = load(Way())
        pictures = demo_pictures(exact, count, device)
        expected = {kind: log_ratios(exact, images) for kind, images in pictures.items()}
        for way in ways:
            autoencoder = load(way)
            found = {kind: log_ratios(autoencoder, images) for kind, images in pictures.items()}
            for metric in METRICS:
                deviation = float(expected["own"][metric].std(ddof=1))
                differences = {kind: found[kind][metric] - expected[kind][metric] for kind in pictures}
                own, others = (float(difference.mean()) for difference in differences.values())
                largest = max(float(np.abs(difference).max()) for difference in differences.values())
                within = max(abs(own), abs(others)) <= TOLERANCE * deviation
                yield name, str(way), metric, deviation, own, others, largest, within


def print_row(cells: Sequence[object]) -> None:
    """Print a row of a table, numbers with three digits."""
    texts = (f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in cells)
    print(f"| {' | '.join(texts)} |", flush=True)


def print_header(*names: str) -> None:
    print_row(names)
    print(f"|{'---|' * len(names)}")


def device_in_words(device: torch.device) -> str:
    """Return the card's name, or the processor's."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    return f"{platform.processor() or platform.machine()} with {torch.get_num_threads()} threads"


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--small", action="store_true", help="tiny networks and few pictures")
    parser.add_argument("--pixels", type=int, nargs="*", default=[512, 1024], help="none: no speeds")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--without-compiling", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.small:
        chosen.pixels, chosen.batches, chosen.without_compiling = [16], [2], True
    return chosen


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = read_arguments(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    ways = [way for way in WAYS if not (chosen.without_compiling and way.compiled)]
    # It advises against changing the precision of a loaded network, which is what is measured.
    diffusers.utils.logging.set_verbosity_error()
    print(f"{device_in_words(device)}; torch {torch.__version__}, diffusers {diffusers.__version__}\n")
    print_header("size", "pixels", "way", "batch", "images a second", "times the published way", "GB")
    for speed in speeds(chosen.pixels, chosen.batches, ways, device, chosen.small):
        print_row(speed)
    print()
    print_header("autoencoder", "way", "metric", "deviation", "change, own", "change, photographs", "largest", "within")
    for change in changes(DEMO[:1] if chosen.small else DEMO, ways, device, 3 if chosen.small else 72):
        print_row(change)


if __name__ == "__main__":
    main()
