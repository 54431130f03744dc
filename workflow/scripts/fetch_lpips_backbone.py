"""Download the weights of a torchvision network that LPIPS needs."""

from aedr.errors import UserError
from aedr.jobs import job


def fetch_lpips_backbone(url: str, output: str) -> None:
    """Download `url` to `output` and check it against the hash at the end of its name."""
    from pathlib import Path

    import torch

    try:
        torch.hub.download_url_to_file(url, output, hash_prefix=Path(url).stem.rsplit("-", 1)[1])
    except Exception as error:
        raise UserError(
            f"{url} could not be downloaded ({error}). Download it elsewhere and name the file in the configuration, "
            "AlexNet as reconstruction.lpips_backbone, VGG16 as rival_settings.vgg_backbone, or do without it."
        ) from None


if __name__ == "__main__":
    with job(snakemake):
        fetch_lpips_backbone(snakemake.params.url, snakemake.output[0])
