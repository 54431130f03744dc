"""What generators write about an image: the forms of Automatic1111, ComfyUI, Fooocus, InvokeAI and NovelAI."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sd_parsers.data import Generators, PromptInfo
from sd_parsers.exceptions import ParserError
from sd_parsers.parsers import AUTOMATIC1111Parser, FooocusParser, InvokeAIParser, NovelAIParser

from aedr.claims.claims import UnreadableClaim

# sd_parsers also reads graphs of ComfyUI, but of loaders only those of whole checkpoints, before one kind of sampler.
# Fooocus first: its texts have the keyword of Automatic1111's.
PARSERS = (FooocusParser(), AUTOMATIC1111Parser(), InvokeAIParser(), NovelAIParser())
KEYWORDS = ("parameters", "Comment", "sd-metadata", "Dream", "invokeai_metadata")
NAMES = {Generators.AUTOMATIC1111: "Automatic1111"}
# Of texts for PARSERS, some of whose patterns take a time that grows with the square of the length.
LONGEST_PARAMETERS = 2**16
# How generators name the autoencoder that is part of the model.
OWN_VAE = ("none", "automatic", "default (model)")
MIDJOURNEY = re.compile(r"\bJob ID: [0-9a-f]{8}-[0-9a-f-]{27}")
# Names by which other texts of a file claim a generator: software, credit line, the version in Automatic1111's form.
MENTIONED = re.compile(
    r"\b(?:Midjourney|DALL[·•-]?E(?: ?\d)?|ChatGPT|GPT-4o|Adobe Firefly|Google AI|Imagen(?: ?\d)?|Meta AI|"
    r"Bing Image Creator|NovelAI|Stable Diffusion|Ideogram|Recraft|FLUX|ComfyUI|Fooocus|InvokeAI|"
    r"SD\.Next)\b",
    re.IGNORECASE,
)


def read_generation(texts: Mapping[str, str]) -> dict[str, object]:
    """Return what the texts of a file, by their keywords, say about the generation; prompts are left out.

    Raises:
        UnreadableClaim: nothing was found, and a text is too long.
    """
    if MIDJOURNEY.search(texts.get("Description", "")[:LONGEST_PARAMETERS]):
        return {"claimed_generator": "Midjourney"}
    if "prompt" in texts and (found := _read_graph(texts["prompt"])):
        return found
    short = {keyword: text for keyword, text in texts.items() if len(text) <= LONGEST_PARAMETERS}
    for parser in PARSERS:
        try:
            return _describe(parser.parse(dict(short)), short)
        except ParserError:
            continue
        # What other texts under the same keywords do to them.
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            continue
    if too_long := [keyword for keyword in KEYWORDS if keyword in texts and keyword not in short]:
        raise UnreadableClaim(f"{', '.join(too_long)}: more than {LONGEST_PARAMETERS} characters")
    return {}


def mentioned_generator(text: str | None) -> str | None:
    """Return the first generator that a text names, such as one about software, or None."""
    match = MENTIONED.search(text[:LONGEST_PARAMETERS]) if text else None
    return match[0] if match else None


def texts_of_comment(comment: str) -> dict[str, str]:
    """Return the texts that a comment stands for: several as one JSON object, or Automatic1111's."""
    parsed = _parse(comment)
    if isinstance(parsed, dict) and "Comment" in parsed:
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in parsed.items()}
    return {"parameters": comment}


def _describe(info: PromptInfo, texts: Mapping[str, str]) -> dict[str, object]:
    sampler, more = info.samplers[0], info.metadata
    model = sampler.model
    names = {"name": model.name, "hash": model.hash} if model else _part(texts.get("invokeai_metadata"), "model")
    vae = _name(more.get("VAE", more.get("vae")))
    return {
        "claimed_generator": mentioned_generator(f"{more.get('App')} {more.get('Version')}")
        or NAMES.get(info.generator, info.generator.value),
        "claimed_model": names.get("name"),
        "claimed_model_hash": names.get("hash"),
        "claimed_vae": None if vae is None or vae.lower() in OWN_VAE else vae,
        "claimed_vae_hash": more.get("VAE hash"),
        "claimed_sampler": sampler.name,
        "claimed_size": _size(more.get("Size", more.get("resolution")))
        or _size(f"{more.get('width')}x{more.get('height')}"),
    }


def _read_graph(text: str) -> dict[str, object]:
    """Return what ComfyUI's graph of nodes names: every loader's files, since it may join several models."""
    graph = _parse(text)
    nodes = [node for node in graph.values() if isinstance(node, dict)] if isinstance(graph, dict) else []
    nodes = [node for node in nodes if "class_type" in node and isinstance(node.get("inputs"), dict)]
    if not nodes:
        return {}
    latents = [node["inputs"] for node in nodes if re.fullmatch(r"Empty\w*Latent\w*", str(node["class_type"]))]
    return {
        "claimed_generator": "ComfyUI",
        "claimed_model": list(_inputs(nodes, "ckpt_name", "unet_name")),
        "claimed_vae": list(_inputs(nodes, "vae_name")),
        "claimed_sampler": list(_inputs(nodes, "sampler_name")),
        "claimed_size": [_size(f"{latent.get('width')}x{latent.get('height')}") for latent in latents],
    }


def _inputs(nodes: list[dict[str, Any]], *names: str) -> Iterator[str]:
    return (value for node in nodes for name in names if isinstance(value := node["inputs"].get(name), str))


def _size(text: object) -> str | None:
    match = re.fullmatch(r"\(?(\d{1,6}) ?[x,] ?(\d{1,6})\)?", text) if isinstance(text, str) else None
    return f"{match[1]}x{match[2]}" if match else None


def _name(value: object) -> str | None:
    return value if isinstance(value, str) else _name(value.get("name")) if isinstance(value, dict) else None


def _part(text: str | None, key: str) -> dict[str, Any]:
    """Return the object of a key of a JSON object; an empty one if there is none."""
    parsed = _parse(text) if text else None
    part = parsed.get(key) if isinstance(parsed, dict) else None
    return part if isinstance(part, dict) else {}


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
