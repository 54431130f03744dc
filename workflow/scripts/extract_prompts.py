"""Make one prompt for each image of an image set, from its caption and the phrases nearest to it."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def extract_prompts(
    images: Sequence[str],
    vocabulary: str,
    clip: str,
    captioner: str | None,
    captions: str | None,
    output: str,
    cost: Mapping[str, Any],
) -> None:
    """Write the prompts table of the images in the tables `images`: one row per image, in their order.

    An image that cannot be used has a row without a prompt, which says why.

    Captions come from the CSV file `captions`, or else from the image-to-text model in the folder `captioner`.
    Prompts do not depend on `cost` (device, batch_size).

    Raises `UserError` if no image can be used, for a missing caption and an impossible setting.
    """
    import open_clip
    import torch
    import transformers

    from aedr.costs import Costs
    from aedr.devices import pick_device
    from aedr.errors import UserError
    from aedr.prompts.captioning import load_captioner
    from aedr.prompts.clip import load_clip
    from aedr.prompts.extraction import caption_images, interrogate_images, open_image_set
    from aedr.study.prompt_files import match_captions, read_captions
    from aedr.tables.files import read_table, write_table

    image_set = open_image_set(images)
    device, batch_size = pick_device(cost["device"]), cost["batch_size"]
    costs = Costs(device)
    if captions is not None:
        caption_of = match_captions(read_captions(captions), image_set.image_ids, captions)
    elif captioner is not None:
        # No name is kept for the captioner: it and CLIP need not fit into the GPU's memory together.
        caption_of = caption_images(image_set, load_captioner(captioner, device), batch_size, costs)
        torch.cuda.empty_cache()
    else:
        raise UserError("prompts: captioner and captions are both empty. Name a captioner, or a CSV file of captions.")
    clip_model = load_clip(clip, device)
    prompts = interrogate_images(
        image_set, caption_of, read_table(vocabulary, "vocabulary"), clip_model, batch_size, costs
    )
    metadata = {
        "settings": {"clip": clip, "captions": captions or captioner},
        "open_clip": open_clip.__version__,
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "device": str(device),
    }
    write_table(output, "prompts", prompts, metadata)


if __name__ == "__main__":
    with job(snakemake):
        extract_prompts(
            images=snakemake.input.images,
            vocabulary=snakemake.input.vocabulary,
            clip=snakemake.input.clip,
            captioner=snakemake.input.get("captioner"),
            captions=snakemake.input.get("captions"),
            output=snakemake.output[0],
            cost=snakemake.params.cost,
        )
