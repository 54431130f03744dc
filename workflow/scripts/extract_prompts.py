"""Make one prompt for each picture of an image set, from its caption and the phrases nearest to it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aedr.errors import UserError
from aedr.jobs import job

if TYPE_CHECKING:
    from aedr.images.pictures import Pixels


def extract_prompts(
    images: Sequence[str],
    vocabulary: str,
    clip: str,
    captioner: str | None,
    captions: str | None,
    output: str,
    max_pixels: int,
    cost: Mapping[str, Any],
) -> None:
    """Write the prompts table of the pictures in the image tables `images`, one row for each, in their order.

    Captions come from the CSV file `captions`, or else from the image-to-text model in the folder `captioner`.
    `cost` (device, batch_size) is what prompts do not depend on.

    Raises `UserError` for a picture that cannot be used, a missing caption, and a setting that is not possible.
    """
    from aedr.study.prompt_files import match_captions, read_captions
    from aedr.tables.files import read_table, write_table

    image_ids: list[str] = []
    for path in images:
        rows = read_table(path, "images")
        for image_id, reason in zip(rows["image_id"], rows["reason"], strict=True):
            if isinstance(reason, str):
                raise _unusable(image_id, reason)
            image_ids.append(image_id)
    if not image_ids:
        raise UserError("prompts: image_set: it holds no picture. Put at least one into its folder.")
    if captions is None and captioner is None:
        raise UserError("prompts: captioner and captions are both empty. Name a captioner, or a CSV file of captions.")
    caption_of = match_captions(read_captions(captions), image_ids, captions) if captions is not None else {}

    import numpy as np
    import open_clip
    import torch
    import transformers

    from aedr.costs import Costs
    from aedr.devices import pick_device
    from aedr.jobs import progress
    from aedr.memory import FittingBatches
    from aedr.prompts.clip import load_clip
    from aedr.prompts.interrogation import interrogate, phrases_by_kind

    target, batch_size = pick_device(cost["device"]), cost["batch_size"]
    batches = -(-len(image_ids) // batch_size)
    costs = Costs(target)
    if captions is None:
        assert captioner is not None
        from aedr.prompts.captioning import load_captioner

        model = load_captioner(captioner, target)
        captioning = FittingBatches(batch_size, costs)
        for ids, pictures in progress(_batches(images, batch_size, max_pixels), batches, "batches captioned"):
            caption_of.update(zip(ids, captioning.map(model.caption, pictures), strict=True))
        # The captioner and CLIP need not fit into the GPU's memory together.
        del model
        torch.cuda.empty_cache()
        for image_id, caption in caption_of.items():
            if not caption:
                raise UserError(
                    f"prompts: captioner: it had nothing to say about {image_id}. Give captions of your own in a CSV "
                    "file (prompts: captions), or remove the picture."
                )

    phrases = phrases_by_kind(read_table(vocabulary, "vocabulary"))
    clip_model = load_clip(clip, target)
    embedding = FittingBatches(batch_size, costs)
    prompts: list[dict[str, str]] = []
    for ids, pictures in progress(_batches(images, batch_size, max_pixels), batches, "batches interrogated"):
        composed = interrogate(
            np.stack(embedding.map(clip_model.embed_images, pictures)),
            [caption_of[image_id] for image_id in ids],
            phrases,
            clip_model.count_tokens,
            clip_model.context_length,
        )
        for image_id, prompt in zip(ids, composed, strict=True):
            row = {"prompt_id": f"{len(prompts):05d}", "image_id": image_id}
            prompts.append(row | {"caption": caption_of[image_id], "prompt": prompt})
    metadata = {
        "clip": clip,
        "captions": str(captions or captioner),
        "open_clip": open_clip.__version__,
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "device": str(target),
    }
    write_table(output, "prompts", prompts, metadata)


def _batches(images: Sequence[str], batch_size: int, max_pixels: int) -> "Iterator[tuple[list[str], list[Pixels]]]":
    """Yield image ids and decoded pictures, `batch_size` at a time, reading one image table after the other."""
    from aedr.errors import UnusableImage
    from aedr.images.pictures import decode_image
    from aedr.tables.files import read_table

    ids: list[str] = []
    pictures: list[Pixels] = []
    for path in images:
        rows = read_table(path, "images")
        for image_id, image in zip(rows["image_id"], rows["image"], strict=True):
            try:
                pictures.append(decode_image(image["bytes"], max_pixels))
            except UnusableImage as unusable:
                raise _unusable(image_id, str(unusable)) from None
            ids.append(image_id)
            if len(ids) == batch_size:
                yield ids, pictures
                ids, pictures = [], []
    if ids:
        yield ids, pictures


def _unusable(image_id: str, reason: str) -> UserError:
    return UserError(
        f"prompts: image_set: the picture {image_id} gives no prompt: {reason}. Remove it from its folder, or choose "
        "another image set for the prompts."
    )


if __name__ == "__main__":
    with job(snakemake):
        extract_prompts(
            snakemake.input.images,
            snakemake.input.vocabulary,
            snakemake.input.clip,
            snakemake.input.get("captioner"),
            snakemake.input.get("captions"),
            snakemake.output[0],
            snakemake.params.max_pixels,
            snakemake.params.cost,
        )
