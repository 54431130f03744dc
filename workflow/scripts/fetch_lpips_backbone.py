"""Download the weights of a torchvision network that LPIPS needs."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.errors import UserError
from aedr.jobs import job


def fetch_lpips_backbone(url: str, study: Sequence[Mapping[str, Any]], output: str) -> None:
    """Download `url` to `output`, if all that `study` needs is open, and check it against the hash in its name."""
    from pathlib import Path

    import torch

    from aedr.weights.repositories import check_study

    check_study([need for need in study if need["folder"] == output], study)
    try:
        torch.hub.download_url_to_file(url, output, hash_prefix=Path(url).stem.rsplit("-", 1)[1])
    except Exception as error:
        raise UserError(
            f"{url} could not be downloaded ({error}). Download it elsewhere and name the file in the configuration, "
            "AlexNet as reconstruction.lpips_backbone, VGG16 as rival_settings.vgg_backbone, or do without it."
        ) from None


if __name__ == "__main__":
    with job(snakemake):
        fetch_lpips_backbone(snakemake.params.url, snakemake.params.study, snakemake.output[0])
