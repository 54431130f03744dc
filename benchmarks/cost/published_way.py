"""What the published scripts do for one autoencoder, one folder and one metric, written here without their code.

One run computes one metric of one folder: it loads the whole pipeline, takes one image at a time, reconstructs it
twice and computes the metric twice a pass, against the pass's input and against the original image. Homogeneity is
a run of its own for each folder, which reads grey with OpenCV.

    python published_way.py losses PIPELINE PICTURES METRIC OUTPUT
    python published_way.py homogeneity PICTURES OUTPUT
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any


def load_pipeline(folder: Path) -> Any:
    """Return the whole text-to-image pipeline in `folder`, float32 on the CPU."""
    import diffusers

    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    parts: dict[str, Any] = {
        name: None for name, entry in index.items() if isinstance(entry, list) and entry == [None, None]
    }
    if index["_class_name"] == "VQDiffusionPipeline":
        # The pipeline's index names this class in diffusers itself, which does not have it there.
        from diffusers.pipelines.deprecated.vq_diffusion import pipeline_vq_diffusion

        library: Any = diffusers
        library.LearnedClassifierFreeSamplingEmbeddings = pipeline_vq_diffusion.LearnedClassifierFreeSamplingEmbeddings
    pipeline: Any = getattr(diffusers, index["_class_name"])
    return pipeline.from_pretrained(folder, local_files_only=True, **parts)


def autoencoder_of(pipeline: Any) -> Any:
    """Return the pipeline's autoencoder."""
    return pipeline.vqvae if hasattr(pipeline, "vqvae") else pipeline.vae


def distance_of(metric: str) -> Callable[[Any, Any], Any]:
    """Return the metric as a function of a reconstruction and an image, pixels in [-1, 1]."""
    import torch

    if metric == "l1":
        return torch.nn.L1Loss()
    if metric == "l2":
        return torch.nn.MSELoss()
    if metric == "lpips":
        import lpips

        # The cost does not depend on AlexNet's weights, which the package does not have.
        return lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    from torchmetrics.image import PeakSignalNoiseRatio, StructuralSimilarityIndexMeasure

    if metric == "ssim":
        similarity = StructuralSimilarityIndexMeasure(data_range=2.0)
        return lambda reconstruction, image: 1 - similarity((reconstruction + 1) / 2, (image + 1) / 2)
    ratio = PeakSignalNoiseRatio(data_range=2.0)
    return lambda reconstruction, image: -ratio((reconstruction + 1) / 2, (image + 1) / 2)


def losses_of(
    autoencoder: Any, pictures: Sequence[Path], distance: Callable[[Any, Any], Any]
) -> Iterator[tuple[float, float]]:
    """Yield each picture's first and second loss; latents are drawn with one generator for all of them."""
    import numpy as np
    import torch
    from PIL import Image

    generator = torch.Generator().manual_seed(1)
    for file in pictures:
        with Image.open(file) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        original = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255 * 2 - 1
        current, values = original, []
        for _ in range(2):
            with torch.no_grad():
                encoded = autoencoder.encode(current)
                latent = encoded.latent_dist.sample(generator) if hasattr(encoded, "latent_dist") else encoded.latents
                reconstruction = autoencoder.decode(latent).sample
                values.append(distance(reconstruction, current).item())
                distance(reconstruction, original).item()
            current = reconstruction
        yield values[0], values[1]


def homogeneity_of(file: Path) -> float:
    """Return a picture's homogeneity: 32 grey levels, distance 1, angle 0, symmetric."""
    import cv2
    from skimage.feature import graycomatrix, graycoprops

    grey = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    matrix = graycomatrix(grey // 8, distances=[1], angles=[0], levels=32, symmetric=True, normed=True)
    return float(graycoprops(matrix, "homogeneity")[0, 0])


def main() -> None:
    what, *rest = sys.argv[1:]
    if what == "losses":
        folder, pictures, metric, output = rest
        autoencoder = autoencoder_of(load_pipeline(Path(folder)))
        files = sorted(Path(pictures).iterdir())
        lines = [
            f"{file.stem} {a!r} {b!r}"
            for file, (a, b) in zip(files, losses_of(autoencoder, files, distance_of(metric)), strict=True)
        ]
    else:
        pictures, output = rest
        lines = [f"{file.stem} {homogeneity_of(file)!r}" for file in sorted(Path(pictures).iterdir())]
    Path(output).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
