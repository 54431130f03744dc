"""Prompts for a whole image set: its captions and the rows of the prompts table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aedr.costs import Costs
from aedr.errors import UnusableImage, UserError
from aedr.images.pictures import Pixels, decode_image
from aedr.jobs import progress
from aedr.memory import FittingBatches
from aedr.prompts.captioning import Captioner
from aedr.prompts.clip import Clip
from aedr.prompts.interrogation import interrogate, phrases_by_kind
from aedr.tables.files import read_table


@dataclass(frozen=True)
class ImageSet:
    """The images of several tables. They are read one table at a time, as all may not fit into memory.

    `image_ids` are those of images that can be used; `unusable` has the reasons of the others, by their ids. `order`
    has all ids, as they are in the tables.
    """

    tables: Sequence[str]
    image_ids: Sequence[str]
    unusable: Mapping[str, str]
    order: Sequence[str]

    def batches(self, size: int, what: str) -> Iterator[tuple[list[str], list[Pixels]]]:
        """Yield image ids and decoded pictures, `size` at a time, with a progress bar that counts `what`.

        Raises:
            UserError: a picture cannot be decoded.
        """
        return progress(self._batches(size), -(-len(self.image_ids) // size), what)

    def _batches(self, size: int) -> Iterator[tuple[list[str], list[Pixels]]]:
        ids: list[str] = []
        pictures: list[Pixels] = []
        for table in self.tables:
            rows = read_table(table, "images")
            for image_id, image in zip(rows["image_id"], rows["image"], strict=True):
                if image_id in self.unusable:
                    continue
                try:
                    pictures.append(decode_image(image["bytes"]))
                except UnusableImage as unusable:
                    raise UserError(f"{table}: {image_id}: {unusable}. Delete the table and run again.") from None
                ids.append(image_id)
                if len(ids) == size:
                    yield ids, pictures
                    ids, pictures = [], []
        if ids:
            yield ids, pictures


def open_image_set(tables: Sequence[str]) -> ImageSet:
    """Return the image set in these images tables.

    Raises:
        UserError: there is no image that can be used.
    """
    order: list[str] = []
    unusable: dict[str, str] = {}
    for table in tables:
        rows = read_table(table, "images")
        for image_id, reason in zip(rows["image_id"], rows["reason"], strict=True):
            order.append(image_id)
            if isinstance(reason, str):
                unusable[image_id] = reason
    if len(unusable) == len(order):
        reasons = "".join(f"\n- {image_id}: {reason}" for image_id, reason in unusable.items())
        raise UserError(
            "prompts: image_set: it has no pictures that can be used. Put at least one into its folder." + reasons
        )
    return ImageSet(tables, [image_id for image_id in order if image_id not in unusable], unusable, order)


def caption_images(image_set: ImageSet, captioner: Captioner, batch_size: int, costs: Costs) -> dict[str, str]:
    """Return the captioner's caption of every image, by image id.

    Raises:
        UserError: a picture cannot be decoded, or its caption is empty.
    """
    fitting = FittingBatches(batch_size, costs)
    captions: dict[str, str] = {}
    for ids, pictures in image_set.batches(batch_size, "batches captioned"):
        captions.update(zip(ids, fitting.map(captioner.caption, pictures), strict=True))
    for image_id, caption in captions.items():
        if not caption:
            raise UserError(
                f"prompts: captioner: its caption for {image_id} is empty. Write your own captions in a CSV file "
                "(prompts: captions), or remove the picture."
            )
    return captions


def interrogate_images(
    image_set: ImageSet,
    captions: Mapping[str, str],
    vocabulary: pd.DataFrame,
    clip: Clip,
    batch_size: int,
    costs: Costs,
) -> list[dict[str, str | None]]:
    """Return the rows of the prompts table, one for each image, in the order of the images.

    An image that cannot be used has no prompt, and its reason. It keeps its number, and so do the images after it.

    Args:
        captions: by image id.
        vocabulary: the vocabulary table, embedded with `clip`.

    Raises:
        UserError: a picture cannot be decoded.
    """
    phrases = phrases_by_kind(vocabulary)
    fitting = FittingBatches(batch_size, costs)
    prompt_of: dict[str, str] = {}
    for ids, pictures in image_set.batches(batch_size, "batches interrogated"):
        prompts = interrogate(
            np.stack(fitting.map(clip.embed_images, pictures)),
            [captions[image_id] for image_id in ids],
            phrases,
            clip.count_tokens,
            clip.context_length,
        )
        prompt_of.update(zip(ids, prompts, strict=True))
    return [
        {
            "prompt_id": f"{number:05d}",
            "image_id": image_id,
            "caption": captions.get(image_id),
            "prompt": prompt_of.get(image_id),
            "reason": image_set.unusable.get(image_id),
        }
        for number, image_id in enumerate(image_set.order)
    ]
