"""Text-to-image generation with any diffusers pipeline: one seeded picture for each prompt, or why there is none.

A picture depends on its model, its prompt and its seed, not on batches, shards or their order. Pipelines of which that
would not be true make their pictures one by one.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from PIL.Image import Image

from aedr.costs import Costs
from aedr.errors import UserError
from aedr.images.company import follows_prompt_lengths, global_seed
from aedr.images.decoded import check_decoded, watched_decoders, without_opacity
from aedr.images.modular import is_modular
from aedr.images.pictures import Pixels
from aedr.memory import offload_more

FLAGGED = "flagged by the safety checker"
BLACK = "black picture"


class SharedRandomNumbers(Exception):
    """A batch drew from the global random state, so its pictures depend on each other."""


NOT_A_PROMPTS_FAULT = (torch.OutOfMemoryError, torch.AcceleratorError, UserError, SharedRandomNumbers)

# Their samplers draw a class for every latent pixel. Batching can change the last bit of a number, which can pick
# another class and so make another picture. They also draw on the model's own device, from a single generator.
DISCRETE_SCHEDULERS = ("AmusedScheduler", "VQDiffusionScheduler")


def generate_pictures(
    pipeline: Any,
    model: str,
    prompts: Sequence[str],
    seeds: Sequence[int],
    arguments: Mapping[str, Any],
    batch_size: int = 1,
    image_size: int | None = None,
    costs: Costs | None = None,
) -> Iterator[Pixels | str]:
    """Yield for each prompt, in order, a picture (uint8, height x width x 3) or the reason why there is none.

    A batch that runs out of GPU memory is tried again at half the size. If a single picture does not fit, it is tried
    with the weights offloaded. Of these attempts only the size of a batch changes pictures, in single values by one of
    256 levels. Attention slices are not tried, because torch's attention needs less memory. A batch that fails for
    another reason is tried again prompt by prompt, so that a failure stays with its own prompt.

    Args:
        arguments: those of `call_arguments`.
        seeds: one for each prompt; each picture has its own generator, on the CPU, the same on every machine.
        image_size: side of every picture in pixels; None accepts any.

    Raises:
        UserError: a single picture does not fit into memory, has another size, or is not what the autoencoder put out;
            or all of several prompts failed.
    """
    costs = costs or Costs(pipeline._execution_device)
    size = min(batch_size, _largest_batch(pipeline, arguments))
    if size > 1 and follows_prompt_lengths(pipeline, arguments):
        print(
            f"{model}: pictures are made one by one, since they depend on the lengths of all prompts", file=sys.stderr
        )
        size = 1
    errors: list[str] = []
    start = 0
    while start < len(prompts):
        rows = slice(start, start + size)
        pictures = None
        try:
            pictures = _batch_or_reasons(pipeline, model, prompts[rows], seeds[rows], arguments, size, errors)
        except SharedRandomNumbers:
            print(f"{model}: pictures are made one by one, since a batch shares random numbers", file=sys.stderr)
            size = 1
            continue
        except torch.OutOfMemoryError:
            pass
        if pictures is None:
            # The failed call's memory can only be freed now that its frames are gone.
            torch.cuda.empty_cache()
            if size > 1:
                size = (size + 1) // 2
                costs.fall_back(f"batches of {size}")
            elif how := offload_more(pipeline, costs.device):
                costs.fall_back(how)
            else:
                raise UserError(
                    f"models.{model}: not even one picture fits into the GPU's memory, with the weights offloaded "
                    "as far as the pipeline allows. Set a `precision` of 16 bits or a smaller `image_size`, or use a "
                    "larger GPU."
                )
            continue
        for picture in pictures:
            if (
                image_size is not None
                and not isinstance(picture, str)
                and picture.shape[:2] != (image_size, image_size)
            ):
                raise UserError(
                    f"models.{model}: image_size is {image_size}, but {type(pipeline).__name__} made a picture of "
                    f"{picture.shape[1]}x{picture.shape[0]} pixels. Set image_size to a size that the model makes."
                )
            yield picture
        start += len(pictures)
    if len(errors) == len(prompts) > 1:
        raise UserError(
            f"models.{model}: all {len(prompts)} prompts failed, the first with {errors[0]}. "
            "Check the model's settings; the log has every message."
        )


def _batch_or_reasons(
    pipeline: Any,
    model: str,
    prompts: Sequence[str],
    seeds: Sequence[int],
    arguments: Mapping[str, Any],
    size: int,
    errors: list[str],
) -> list[Pixels | str]:
    """Return the pictures of a batch. If it fails, try prompt by prompt; a prompt that fails again gets its reason.

    Errors of the device, such as a lack of memory, and of the model are raised: they are not a prompt's fault.
    """
    try:
        return _generate_batch(pipeline, model, prompts, seeds, arguments, size)
    except NOT_A_PROMPTS_FAULT:
        raise
    except Exception as error:
        print(f"{model}: {type(error).__name__}: {error}", file=sys.stderr)
    pictures: list[Pixels | str] = []
    failed = []
    for prompt, seed in zip(prompts, seeds, strict=True):
        try:
            pictures += _generate_batch(pipeline, model, [prompt], [seed], arguments, size)
        except NOT_A_PROMPTS_FAULT:
            raise
        except Exception as error:
            failed.append(f"{type(error).__name__}: {error}")
            pictures.append(f"generation failed: {failed[-1]}")
    errors += failed
    return pictures


def _generate_batch(
    pipeline: Any, model: str, prompts: Sequence[str], seeds: Sequence[int], arguments: Mapping[str, Any], size: int
) -> list[Pixels | str]:
    # Libraries choose their kernels by the shape of a batch, and the last bits of every number depend on them. So every
    # batch is filled up with its last row: where a shard ends then changes nothing.
    fill = size - len(prompts)
    discrete = type(pipeline.scheduler).__name__ in DISCRETE_SCHEDULERS
    device = pipeline._execution_device if discrete else "cpu"
    generators = [torch.Generator(device).manual_seed(seed) for seed in [*seeds, *[seeds[-1]] * fill]]
    arguments = dict(arguments)
    if "negative_prompt" in arguments and not is_modular(pipeline):
        arguments["negative_prompt"] = [arguments["negative_prompt"]] * size
    with watched_decoders(pipeline) as decoded, global_seed(seeds[0], pipeline._execution_device) as drew:
        if is_modular(pipeline):
            images = pipeline(prompt=prompts[0], generator=generators[0], output="images", **arguments)
            flags = [False]
        else:
            output = pipeline(
                prompt=[*prompts, *[prompts[-1]] * fill],
                generator=generators if size > 1 else generators[0],
                output_type="pil",
                **arguments,
            )
            images = output.images
            flags = getattr(output, "nsfw_content_detected", None) or [False] * size
        if size > 1 and drew():
            raise SharedRandomNumbers
    pictures = [FLAGGED if flag else _usable(image) for image, flag in zip(images, flags, strict=True)]
    check_decoded(pipeline, model, pictures, decoded)
    return pictures[: len(prompts)]


def _usable(image: Image) -> Pixels | str:
    picture = without_opacity(image)
    return picture if isinstance(picture, str) or picture.any() else BLACK


def _largest_batch(pipeline: Any, arguments: Mapping[str, Any]) -> int:
    # Some modular pipelines refuse a list of prompts.
    if is_modular(pipeline) or type(pipeline.scheduler).__name__ in DISCRETE_SCHEDULERS:
        return 1
    # Kandinsky's prior doubles the batch for a negative prompt and then has too few generators.
    if hasattr(pipeline, "prior_pipe") and "negative_prompt" in arguments:
        return 1
    return sys.maxsize
