"""Model weights: which files of a Hugging Face repository a model needs, whether they are available, and fetching them.

A *need* is one repository for one folder: a mapping with `key` (the configuration key that messages name),
`repository`, `revision`, `variant`, `trusted_pickle`, `folder` (where its files go), `part` ("pipeline";
"autoencoder" or "component" for that alone; "captioner" or "clip"), `subfolder` (the autoencoder's, None finds it; the
component's) and optionally `elsewhere` (names of the pipeline's parts that are not in this repository). Or it is one
file outside the hub: `key`, `url` and `folder` (the file). An *answer* is what the hub knows about a need:
`repository`, `commit` and `files`, a mapping of paths to size, sha256 (large files) or git_sha1 (small ones).
"""

import json
import os
import re
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub.utils import WeakFileLock, filter_repo_objects

from aedr.errors import UserError
from aedr.files import replacing
from aedr.study.needs import PROMPT_MODELS, REQUIRED
from aedr.weights.hub import HubBusy, fetch_files, fetching, is_whole, list_files, patiently, refusal
from aedr.weights.layout import AUTOENCODER_FOLDERS, INDEX, MODULAR_INDEX, index_of

Need = Mapping[str, Any]
Answer = dict[str, Any]

RECORD = "fetched.json"
SETTINGS_FILES = (".json", ".txt", ".model", ".jinja")
FETCHING_RULES = {"captioner": "fetch_captioner", "clip": "fetch_clip_model"}
# diffusion_pytorch_model.fp16-00001-of-00002.safetensors, model.safetensors.index.fp16.json, pytorch_model.bin, ...
WEIGHTS_FILE = re.compile(
    r"(?:diffusion_pytorch_model|pytorch_model|model)(?:\.(?P<variant>[\w-]+?))?(?:-\d{5}-of-\d{5})?"
    r"\.(?P<format>safetensors|bin)(?P<index>\.index(?:\.(?P<index_variant>[\w-]+))?\.json)?"
)


class MissingFiles(UserError):
    """A repository lacks files that a model needs; the message starts with the component."""


def select_files(
    files: Iterable[str], folders: Sequence[str], variant: str | None = None, trusted_pickle: bool = False
) -> list[str]:
    """Return the files of a repository that are needed to load the given component folders.

    For each component: its settings and vocabulary, and one set of weights. Those are the weights of `variant` if it
    has them, otherwise the plain ones; safetensors, or pickled ones if there are no others and `trusted_pickle` is set.
    Copies in other formats or precisions are left out. A component with config.json is a network and must have weights.

    Raises:
        MissingFiles: a component has no files, or no weights that may be loaded; the message starts with its name.
    """
    files = list(files)
    selected: list[str] = []
    for folder in folders:
        own = [file for file in files if os.path.dirname(file) == folder]
        if not own:
            raise MissingFiles(f"{folder or 'the repository'}: no files")
        weights = [(file, found) for file in own if (found := WEIGHTS_FILE.fullmatch(os.path.basename(file)))]
        known = {file for file, _ in weights}
        selected += [file for file in own if file.endswith(SETTINGS_FILES) and file not in known]
        if os.path.join(folder, "config.json") not in own:
            continue
        # A variant's name comes before the shard's number, or inside the index's own suffix.
        labelled = {file: (found["format"], found["index_variant"] or found["variant"]) for file, found in weights}
        choices = [("safetensors", variant), ("safetensors", None)]
        if trusted_pickle:
            choices += [("bin", variant), ("bin", None)]
        for choice in choices:
            if any(label == choice and not file.endswith(".json") for file, label in labelled.items()):
                selected += [file for file, label in labelled.items() if label == choice]
                break
        else:
            pickled = any(file.endswith((".bin", ".ckpt", ".pt", ".pth")) for file in own)
            raise MissingFiles(
                f"{folder or 'the repository'}: only pickled weights, which can run code when they are loaded; "
                "if you trust the publisher, set `trusted_pickle: true`"
                if pickled and not trusted_pickle
                else f"{folder or 'the repository'}: no safetensors weights"
            )
    return sorted(selected)


def components_of(index: Mapping[str, Any]) -> list[str]:
    """Return the component folders that a model_index.json, or a modular one, names.

    A component is a pair of a library and a class, in a modular index followed by where it is.
    Other lists are settings.

    Raises:
        UserError: a name is not that of a folder inside the model.
    """
    names = [name for name, entry in index.items() if _is_component(entry)]
    for name in names:
        if not name.isidentifier():
            raise UserError(f"{INDEX} names a component {name!r}, which is not a folder of the model: do not use it")
        place = index[name][2] if len(index[name]) == 3 else {}
        if place.get("subfolder", name) != name:
            raise UserError(
                f"{name}: {MODULAR_INDEX} places it in the folder {place['subfolder']!r} of "
                f"{place['pretrained_model_name_or_path']}, not in one of its own name: name both under `components`"
            )
    return names


def _is_component(entry: Any) -> bool:
    if not isinstance(entry, list) or not all(isinstance(part, str) for part in entry[:2]):
        return False
    is_placed = len(entry) == 3 and isinstance(entry[2], dict)
    return len(entry) == 2 or (is_placed and entry[2].get("pretrained_model_name_or_path") is not None)


def check_repositories(needs: Sequence[Need], others: Sequence[Need] = ()) -> dict[str, Answer]:
    """Ask about every need, before anything is downloaded.

    Without a network, a folder that is already complete meets its need. While the hub is busy, it is asked again; if it
    stays so, that is a problem of `needs`, and not of `others`, whose own jobs will ask again.

    Returns:
        The answer to each need, by its folder.

    Raises:
        UserError: one or more needs cannot be met; every problem is listed once, with what to do.
    """
    answers: dict[str, Answer] = {}
    problems: dict[str, list[str]] = {}
    for need in [*needs, *others]:
        try:
            answers[need["folder"]] = _ask(need)
        except HubBusy as busy:
            if need in needs:
                problems.setdefault(str(busy), []).append(need["key"])
            else:
                print(f"{need['key']} is not checked yet: {busy}", file=sys.stderr)
        except UserError as problem:
            problems.setdefault(str(problem), []).append(need["key"])
    if problems:
        count = sum(map(len, problems.values()))
        lines = [f"- {', '.join(dict.fromkeys(keys))}: {problem}" for problem, keys in problems.items()]
        raise UserError(f"{count} of {len(needs) + len(others)} repositories cannot be used:\n" + "\n".join(lines))
    return answers


def check_study(needs: Sequence[Need], study: Sequence[Need]) -> dict[str, Answer]:
    """Ask about `needs`, and about all that `study` needs and does not have yet; raises as `check_repositories` does.

    So a gated repository is noticed before hours of downloads.
    """
    own = {need["folder"] for need in needs}
    return check_repositories(needs, [need for need in study if need["folder"] not in own and not is_fetched(need)])


def _ask(need: Need) -> Answer:
    if "url" in need:
        return _ask_address(need)
    repository, revision = need["repository"], need["revision"]
    try:
        commit, listed = list_files(repository, revision)
        # Only reading a file shows whether a gated repository is open to this user.
        names = _names(need, listed, lambda name: _read_remote(repository, name, commit))
    except UserError:
        raise
    # No network, a proxy, a fault of the hub: releases of the client raise different errors for these.
    except Exception as error:
        known = refusal(error, repository, revision)
        if known is None:
            return _local_answer(need, str(error) or type(error).__name__)
        raise known from None
    return {"repository": repository, "commit": commit, "files": {name: listed[name] for name in names}}


def _ask_address(need: Need) -> Answer:
    try:
        request = urllib.request.Request(need["url"], method="HEAD")
        with urllib.request.urlopen(request, timeout=30) as answer:
            size = answer.headers.get("Content-Length")
    except OSError as error:
        raise UserError(
            f"{need['url']} cannot be downloaded ({error}): download it elsewhere and name the file as {need['key']}, "
            "or do without it"
        ) from None
    return {"repository": need["url"], "commit": None, "files": {"": {"size": size and int(size)}}}


def _names(need: Need, files: Iterable[str], read: Callable[[str], str]) -> list[str]:
    """Return the files that a need takes from `files`; `read` returns the text of a file."""
    files = list(files)
    try:
        if need["part"] in PROMPT_MODELS:
            return _prompt_model_names(need["part"], files, read)
        names = select_files(files, _folders(need, files, read), need["variant"], need["trusted_pickle"])
    except MissingFiles as problem:
        raise UserError(f"{need['repository']}: {problem}") from None
    return [*names, index_of(files)] if need["part"] == "pipeline" else names


def _prompt_model_names(part: str, files: Sequence[str], read: Callable[[str], str]) -> list[str]:
    names = list(filter_repo_objects(files, allow_patterns=list(PROMPT_MODELS[part])))
    for pattern in REQUIRED[part]:
        if not any(filter_repo_objects(names, allow_patterns=[pattern])):
            raise MissingFiles(
                f"no {pattern}, and weights load from safetensors only. Choose another model, or name a local folder "
                f"with prompts: {part}: path"
            )
    # A small file, to see whether the repository is open.
    read(REQUIRED[part][0])
    return names


def _folders(need: Need, files: Iterable[str], read: Callable[[str], str]) -> list[str]:
    """Return the component folders that a need takes from `files`; `read` returns the text of a file."""
    if need["part"] == "component":
        return [need["subfolder"] or ""]
    if need["part"] == "autoencoder":
        wanted = [*AUTOENCODER_FOLDERS, ""] if need["subfolder"] is None else [need["subfolder"]]
        for folder in wanted:
            if (config := os.path.join(folder, "config.json")) in files:
                read(config)
                return [folder]
        raise UserError(
            f"{need['repository']} contains no autoencoder: expected config.json in one of "
            f"{', '.join(folder or 'its root' for folder in wanted)}; name its folder as `subfolder`"
        )
    name = index_of(files)
    if name not in files:
        raise UserError(
            f"{need['repository']} contains no {INDEX}, so it is not a diffusers pipeline: choose a converted copy"
        )
    text = read(name)
    try:
        index = json.loads(text)
    except (ValueError, RecursionError):
        index = None
    if not isinstance(index, dict):
        raise UserError(f"{need['repository']}: its {name} is not a JSON object: choose another copy")
    elsewhere = need.get("elsewhere", ())
    folders = components_of({part: entry for part, entry in index.items() if part not in elsewhere})
    present = {os.path.dirname(file) for file in files}
    if name == MODULAR_INDEX and (absent := [folder for folder in folders if folder not in present]):
        places = [f"{folder} (from {index[folder][2]['pretrained_model_name_or_path']})" for folder in absent]
        raise UserError(
            f"{need['repository']} takes {', '.join(places)} from another repository: name it under `components`"
        )
    return folders


def _read_remote(repository: str, name: str, commit: str | None) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = patiently(lambda: huggingface_hub.hf_hub_download(repository, name, revision=commit, local_dir=folder))
        return Path(path).read_text(encoding="utf-8")


def _local_answer(need: Need, fault: str) -> Answer:
    folder = Path(need["folder"])
    present = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    try:
        names = _names(need, present, lambda name: (folder / name).read_text(encoding="utf-8"))
    except UserError:
        rule = FETCHING_RULES.get(need["part"], "fetch_model")
        raise UserError(
            f"{need['repository']} is not complete in {folder}, and huggingface.co cannot be reached ({fault}): fetch "
            f"it on a machine with a network (snakemake --until {rule}) and copy the folder here, or name a local "
            "one as `path`"
        ) from None
    print(f"{need['repository']}: using {folder} as it is, since the hub cannot be reached ({fault})", file=sys.stderr)
    files = {name: {"size": (folder / name).stat().st_size} for name in names}
    return {"repository": need["repository"], "commit": None, "files": files}


def fetch(answers: Sequence[tuple[Need, Answer]], manifest: str | Path) -> None:
    """Download the files of a model's needs to their folders, compare them with the hub's hashes, and write a manifest.

    Complete files are not downloaded again; a file that is not complete is, from its beginning.

    Raises:
        UserError: a download failed, or a file does not match what the hub says about it.
    """
    Path(manifest).parent.mkdir(parents=True, exist_ok=True)
    # Studies that share their resources may fetch the same model at the same time.
    with WeakFileLock(f"{manifest}.lock"):
        records = [_bring(need, answer) for need, answer in answers]
        with replacing(manifest) as temporary:
            temporary.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def fetch_prompt_model(need: Need, study: Sequence[Need], add: Callable[[str], None] = lambda folder: None) -> None:
    """Download a captioner or a CLIP model to its folder, with a record of its commit and hashes in `RECORD`.

    `add` downloads more to the folder before it gets its name. First the hub is asked for all that `study` needs.

    Raises:
        UserError: as `check_repositories` and `fetch_files` do.
    """
    answer = check_study([need], study)[need["folder"]]
    with fetching(need["folder"]) as folder:
        _bring({**need, "folder": folder}, answer)
        add(folder)
        Path(folder, RECORD).write_text(json.dumps([answer], indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _bring(need: Need, answer: Answer) -> Answer:
    folder = Path(need["folder"])
    wanting = {name: facts for name, facts in answer["files"].items() if not is_whole(folder / name, facts)}
    if wanting:
        total = sum(facts["size"] or 0 for facts in wanting.values())
        print(f"{answer['repository']}: {len(wanting)} files, {total / 1e9:.2f} GB, to {folder}", file=sys.stderr)
        fetch_files(answer["repository"], answer["commit"], wanting, folder, need["key"])
        _remove_other_weights(folder, answer["files"])
    return answer


def _remove_other_weights(folder: Path, files: Mapping[str, Any]) -> None:
    """Remove weights that an earlier revision or variant left beside `files`; a loader might choose them instead."""
    for component in {(folder / name).parent for name in files}:
        for path in component.iterdir():
            if WEIGHTS_FILE.fullmatch(path.name) and path.relative_to(folder).as_posix() not in files:
                path.unlink()


def read_manifest(path: str | Path) -> list[Answer]:
    """Return the answers that a manifest records; none if it is missing or cannot be read."""
    try:
        records = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    records = records if isinstance(records, list) else []
    return [record for record in records if isinstance(record, dict) and "repository" in record]


def is_fetched(need: Need) -> bool:
    """Return whether a need was met before.

    A manifest records it: the one beside its folder or, for a prior, beside its model's. Prompt models and files are
    there whole or not at all.
    """
    folder = Path(need["folder"])
    if "url" in need or need["part"] in PROMPT_MODELS:
        return folder.exists()
    records = [*read_manifest(f"{folder}.json"), *read_manifest(f"{folder.parent}.json")]
    return any(record["repository"] == need["repository"] for record in records)
