"""Configurations with every kind of mistake, and what must be true of whatever the workflow makes of them."""

import contextlib
import copy
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from aedr.errors import UserError
from aedr.study import configuration, configuration_file, plan

ROOT = Path(__file__).parents[2]

VALID: dict[str, Any] = {
    "results": "results",
    "seed": 3,
    "images_per_source": 20,
    "max_pixels": 10**6,
    "select": ["sd", "own", "again"],
    "query": str(ROOT / "demo/photographs"),
    "models": {
        "sd": {
            "pipeline": "StableDiffusionPipeline",
            "repository": "someone/some-model",
            "revision": "main",
            "guidance": 7.5,
            "negative_prompt": "blurred\nand dark",
            "arguments": {"truncation_rate": 0.9, "more": [1, None, {"eta": True}]},
            "autoencoder": {"name": "sd-vae", "subfolder": "vae", "resize_to": None},
        },
        "own": {"folder": str(ROOT / "demo/photographs"), "path": str(ROOT / "demo/models/demo-sd")},
        "again": {"decode": "real", "path": str(ROOT / "demo/models/demo-sd"), "autoencoder": "own"},
    },
    "image_sets": {"real": {"folder": str(ROOT / "demo/photographs"), "real": True}},
    "prompts": {
        "image_set": "real",
        "captioner": {"repository": "someone/captioner", "revision": None},
        "clip": {"model": "ViT-H-14", "pretrained": "laion2b_s32b_b79k"},
        "vocabulary": str(ROOT / "demo/vocabulary"),
    },
    "reconstruction": {"metrics": ["l2", "high_frequency"], "off_grid": "crop"},
    "attribution": {"verdict_level": 0.05, "significance_level": "chosen", "significance_levels": {"sd-vae": 0.1}}
    | {"verdict_metric": "high_frequency", "verdict_signal": "residual", "second_metric": None},
}

NAMES = [
    *("", " ", ".", "..", "../..", "../../etc/x", "/etc/passwd", "/dev/zero", "~", "a/../../b", "a//b", "x" * 300),
    *("a\0b", "a\nb", "\ud800", "\udcff", "\u2028", "\u202e", "größe", "👩‍💻", "{x}", "{{x}}", "%s", "$(touch pwned)"),
    *("`touch pwned`", "; touch pwned", "a'b\"c", "$x_1$", "-rf", "--config", "=1+1", "<b>", "s3://a/b", "http://a"),
    *("query", "real", "sd", "own", "A", "a_b", "a.b", "a\n", "os.system", "__class__", "[a]", "*", "null", "yes"),
]
NUMBERS = [0, -1, 1, 2**31, 2**63, 10**400, 0.0, -0.0, 0.5, 1e308, 5e-324, float("nan"), float("inf"), -float("inf")]
STRANGERS = [None, True, False, [], {}, [[]], [None], {"": 1}, {None: 1}, {1: 2}, {(1, 2): 3}, b"x", {"a"}, os.system]

VALUES = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(NUMBERS),
    st.sampled_from(STRANGERS),
    st.text(max_size=20),
    st.integers(),
    st.recursive(st.sampled_from([*NAMES, *NUMBERS]), lambda inner: st.lists(inner, max_size=3), max_leaves=4),
)
KEYS = st.one_of(st.sampled_from([*NAMES, "name", "path", "folder", "autoencoder", "seeds", 1, None, True]), st.text())


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*place, key))


PLACES = list(_places(VALID))


@st.composite
def hostile_configurations(draw: st.DrawFn) -> tuple[Any, set[str]]:
    """Draw a configuration with one to three mistakes, and the keys that have to do with them."""
    config = copy.deepcopy(VALID)
    keys: set[str] = set()
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(PLACES))
        parent: Any = config
        try:
            for key in place[:-1]:
                parent = parent[key]
            parent[place[-1]]
        except (LookupError, TypeError):
            parent = None
        if not isinstance(parent, dict | list):
            # An earlier mistake took the place away.
            continue
        keys |= {str(key) for key in place}
        kind = draw(st.sampled_from(["replaced", "replaced", "removed", "added", "renamed", "endless"]))
        if kind == "replaced":
            parent[place[-1]] = draw(VALUES)
        elif kind == "removed":
            del parent[place[-1]]
        elif kind == "endless":
            deep: Any = []
            width, depth = draw(st.sampled_from([(1, 500), (2, 5), (2, 18)]))
            for _ in range(depth):
                deep = [deep] * width
            parent[place[-1]] = deep
        elif isinstance(parent, dict):
            new = draw(KEYS)
            parent[new] = draw(VALUES) if kind == "added" else parent.pop(place[-1])
            keys.add(str(new))
    return config, keys


def check_parsed(config: Any, keys: set[str]) -> bool:
    """Check that a configuration is taken, and then keeps to its folders, or refused in terms of its keys.

    Returns whether it was taken.
    """
    try:
        complete = configuration.complete_configuration(config, configuration_file.SCHEMA)
        configuration.check_configuration(complete)
        counts = plan.count_images(complete) | plan.count_query(complete)
    except UserError as error:
        message = str(error)
        assert message.encode(errors="backslashreplace") and len(message) < 20_000
        assert any(repr(key)[1:-1][:70] in message or key in message for key in keys), (keys, message)
        return False
    assert all(isinstance(count, int) and count >= 0 for count in counts.values())
    _check_folders(complete)
    return True


def _check_folders(complete: Any) -> None:
    """Check what the rules put into the names of files that they write."""
    models = complete["models"]
    for name in [*models, *complete["image_sets"], *(plan.autoencoder_name(models, name) for name in models)]:
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name), name
    prompts = complete["prompts"]
    clip = prompts["clip"]
    parts = Path(clip["repository"]).parts if clip["repository"] else (clip["model"], clip["pretrained"])
    folders = [f"clip/{'--'.join(map(str, parts))}"]
    if prompts["captioner"] and prompts["captioner"]["repository"]:
        folders.append(f"captioner/{'--'.join(Path(prompts['captioner']['repository']).parts)}")
    for folder in folders:
        assert os.path.normpath(folder) == folder and folder.count("/") == 1, folder
    for key in ("results", "resources"):
        assert not set(complete[key]) & set("{}\0\n"), complete[key]


DOCUMENT = yaml.safe_dump(VALID, allow_unicode=True)
FRAGMENTS = [
    *(
        "\t",
        "\0",
        "\r",
        "\ufeff",
        "\u2028",
        ": ",
        "- ",
        "? ",
        "&a ",
        "*a",
        "<<: *a\n",
        "!!python/object/apply:os.system ",
    ),
    *("!!python/name:os.system ", "!!binary ", "!!set ", "!!timestamp ", "2024-13-45", "---\n", "...\n", "%YAML 9.9\n"),
    *(
        "{",
        "}",
        "[",
        "]",
        "'",
        '"',
        "|\n",
        ">\n",
        "#",
        "`",
        "@",
        "0o9",
        "1_0",
        "0x",
        ".nan",
        "~",
        "=",
        "[" * 2000,
        "{" * 99,
    ),
    *(
        "__use_yte__: true\n",
        "seed: 1\nseed: 2\n",
        '"\\ud800"',
        "&b [*b]",
        "? [a, b]\n: 1\n",
        "x: &x [x]\ny: [*x, *x]\n",
    ),
    "".join(f"k{i}: &k{i} [" + ", ".join([f"*k{i - 1}" if i else "x"] * 9) + "]\n" for i in range(12)),
]


@st.composite
def hostile_documents(draw: st.DrawFn) -> bytes:
    """Draw a configuration's file with damage to its text."""
    text = DOCUMENT
    for _ in range(draw(st.integers(1, 4))):
        lines = [0, *(found.end() for found in re.finditer("\n", text))]
        place = draw(st.one_of(st.sampled_from(lines), st.integers(0, len(text))))
        length = draw(st.sampled_from([0, 0, 1, 5, 80]))
        text = text[:place] + draw(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=5))) + text[place + length :]
    coding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "latin-1"]))
    return text.encode(coding, errors="replace")


def check_document(data: bytes, folder: Path) -> bool:
    """Check that a file of a configuration is taken, or refused by its name; returns whether it was taken."""
    path = folder / "study.yaml"
    path.write_bytes(data)
    with contextlib.chdir(folder):
        problem = configuration_file.main(str(path))
    assert problem is None or problem.strip(), "refused without a reason"
    return problem is None
