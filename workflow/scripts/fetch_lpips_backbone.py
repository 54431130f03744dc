"""Download the weights of torchvision's AlexNet, which lpips needs."""

from aedr.errors import UserError
from aedr.jobs import job


def fetch_lpips_backbone(url: str, output: str) -> None:
    """Download `url` to `output` and check it against the hash in its name."""
    import torch

    try:
        torch.hub.download_url_to_file(url, output, hash_prefix="7be5be79")
    except Exception as error:
        raise UserError(
            f"{url} could not be downloaded ({error}). Download it elsewhere and name the file as "
            "reconstruction.lpips_backbone, or take lpips out of reconstruction.metrics."
        ) from None


if __name__ == "__main__":
    with job(snakemake):
        fetch_lpips_backbone(snakemake.params.url, snakemake.output[0])
