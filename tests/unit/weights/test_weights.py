"""Asking the hub and fetching weights, against a hub of our own on the loopback interface."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fake_hub
from aedr.errors import UserError
from aedr.weights import repositories
from fetch_model import fetch_model

# Nothing listens on the discard port of the loopback interface.
NOBODY = "http://127.0.0.1:9"

PIPELINE = {
    "model_index.json": json.dumps(
        {
            "_class_name": "StableDiffusionPipeline",
            "feature_extractor": [None, None],
            "scheduler": ["diffusers", "PNDMScheduler"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        }
    ).encode(),
    "README.md": b"a card",
    "v1-5-pruned.safetensors": b"everything in one file",
    "scheduler/scheduler_config.json": b"{}",
    "tokenizer/vocab.json": b"{}",
    "tokenizer/merges.txt": b"",
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.bin": b"pickled",
    "unet/diffusion_pytorch_model.fp16.safetensors": b"half",
    "unet/diffusion_pytorch_model.non_ema.safetensors": b"not averaged",
    "unet/diffusion_pytorch_model-00001-of-00002.safetensors": b"first half",
    "unet/diffusion_pytorch_model-00002-of-00002.safetensors": b"second half",
    "unet/diffusion_pytorch_model.safetensors.index.json": b"{}",
    "vae/config.json": b'{"_class_name": "AutoencoderKL"}',
    "vae/diffusion_pytorch_model.safetensors": b"autoencoder",
    "vae/diffusion_pytorch_model.bin": b"pickled",
}
LOADED = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
    "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
    "unet/diffusion_pytorch_model.safetensors.index.json",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
]


def need(name: str, repository: str, **changes: Any) -> dict[str, Any]:
    return {
        "key": f"models.{name}",
        "repository": repository,
        "revision": None,
        "variant": None,
        "trusted_pickle": False,
        "folder": f"models/{name}",
        "part": "pipeline",
        "subfolder": None,
    } | changes


@pytest.fixture(autouse=True)
def folder_of_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_hub.Hub]:
    with fake_hub.serve() as hub:
        fake_hub.ask_at(hub.address, monkeypatch)
        hub.repositories["someone/model"] = dict(PIPELINE)
        yield hub


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_hub.ask_at(NOBODY, monkeypatch)


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_fetch_brings_what_loading_takes_and_no_more(hub: fake_hub.Hub, tmp_path: Path) -> None:
    wanted = need("sd15", "someone/model")
    answers = repositories.check_repositories([wanted])
    assert files_in(tmp_path) == []
    manifest = tmp_path / "models/sd15.json"
    repositories.fetch([(wanted, answers["models/sd15"])], manifest)
    assert files_in(tmp_path / "models/sd15") == LOADED
    (record,) = repositories.read_manifest(manifest)
    assert record["commit"] == fake_hub.commit_of("someone/model")
    assert set(record["files"]) == set(LOADED)


def test_fetch_goes_on_where_it_stopped(hub: fake_hub.Hub, tmp_path: Path) -> None:
    wanted = need("sd15", "someone/model")
    answer = repositories.check_repositories([wanted])["models/sd15"]
    repositories.fetch([(wanted, answer)], tmp_path / "manifest.json")
    (tmp_path / "models/sd15/vae/diffusion_pytorch_model.safetensors").write_bytes(b"auto")
    hub.downloads.clear()
    repositories.fetch([(wanted, answer)], tmp_path / "manifest.json")
    assert hub.downloads == ["someone/model/vae/diffusion_pytorch_model.safetensors"]
    assert (tmp_path / "models/sd15/vae/diffusion_pytorch_model.safetensors").read_bytes() == b"autoencoder"


@pytest.mark.parametrize("name", ["vae/diffusion_pytorch_model.safetensors", "unet/config.json"])
def test_a_damaged_download_is_deleted_and_said(hub: fake_hub.Hub, tmp_path: Path, name: str) -> None:
    hub.damaged.add(name)
    wanted = need("sd15", "someone/model")
    answers = repositories.check_repositories([wanted])
    with pytest.raises(UserError, match=f"{name}.*run again"):
        repositories.fetch([(wanted, answers["models/sd15"])], tmp_path / "manifest.json")
    assert not (tmp_path / "models/sd15" / name).exists()
    assert not (tmp_path / "manifest.json").exists()


def test_every_problem_is_listed_before_any_download(hub: fake_hub.Hub, tmp_path: Path) -> None:
    hub.repositories["someone/gated"] = dict(PIPELINE)
    hub.gated.add("someone/gated")
    hub.repositories["someone/pickled"] = {
        name: content for name, content in PIPELINE.items() if not name.startswith("unet/") or "safetensors" not in name
    }
    hub.repositories["someone/adapter"] = {"adapter.safetensors": b""}
    needs = [
        need("fine", "someone/model"),
        need("flux", "someone/gated"),
        need("old", "runwayml/stable-diffusion-v1-5"),
        need("typo", "someone/modle"),
        need("tag", "someone/model", revision="v9"),
        need("vqdm", "someone/pickled"),
        need("lora", "someone/adapter"),
    ]
    with pytest.raises(UserError) as raised:
        repositories.check_repositories(needs)
    lines = str(raised.value).splitlines()
    assert lines[0].startswith("6 of 7 repositories")
    expected = [
        ("flux", "https://huggingface.co/someone/gated, then set HF_TOKEN or run `hf auth login`"),
        ("old", "set `repository: stable-diffusion-v1-5/stable-diffusion-v1-5`"),
        ("typo", "no repository someone/modle"),
        ("tag", "no revision v9"),
        (
            "vqdm",
            "unet: only pickled weights, which can run code when they are loaded; if you trust the publisher, set",
        ),
        ("lora", "no model_index.json"),
    ]
    for line, (name, part) in zip(lines[1:], expected, strict=True):
        assert line.startswith(f"- models.{name}: ")
        assert part in line
    assert files_in(tmp_path) == []


def test_a_trusted_pickle_is_taken_only_where_there_is_nothing_else() -> None:
    names = [name for name in PIPELINE if not name.startswith("unet/") or "safetensors" not in name]
    selected = repositories.select_files(names, ["unet", "vae"], trusted_pickle=True)
    assert "unet/diffusion_pytorch_model.bin" in selected
    assert "vae/diffusion_pytorch_model.bin" not in selected


def test_a_variant_is_taken_where_a_component_has_it() -> None:
    selected = repositories.select_files(PIPELINE, ["unet", "vae"], variant="fp16")
    assert selected == [
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    ]


def test_shards_of_a_variant_come_with_their_own_index() -> None:
    names = [
        "text_encoder/config.json",
        "text_encoder/model-00001-of-00002.safetensors",
        "text_encoder/model-00002-of-00002.safetensors",
        "text_encoder/model.safetensors.index.json",
        "text_encoder/model.fp16-00001-of-00001.safetensors",
        "text_encoder/model.safetensors.index.fp16.json",
    ]
    assert repositories.select_files(names, ["text_encoder"], variant="fp16") == [names[0], names[4], names[5]]
    assert repositories.select_files(names, ["text_encoder"]) == sorted(names[:4])


def test_what_another_variant_left_is_removed(hub: fake_hub.Hub, tmp_path: Path) -> None:
    for variant in ("fp16", None):
        wanted = need("sd15", "someone/model", variant=variant)
        answers = repositories.check_repositories([wanted])
        repositories.fetch([(wanted, answers["models/sd15"])], tmp_path / "models/sd15.json")
    assert files_in(tmp_path / "models/sd15") == LOADED


@pytest.mark.parametrize(("subfolder", "folder"), [(None, "vae"), ("vae", "vae"), (None, "")])
def test_an_autoencoder_alone_is_fetched_without_its_pipeline(
    hub: fake_hub.Hub, tmp_path: Path, subfolder: str | None, folder: str
) -> None:
    if folder == "":
        hub.repositories["someone/model"] = {
            name.removeprefix("vae/"): content for name, content in PIPELINE.items() if name.startswith("vae/")
        }
    wanted = need("sd1", "someone/model", folder="autoencoders/sd1", part="autoencoder", subfolder=subfolder)
    answers = repositories.check_repositories([wanted])
    repositories.fetch([(wanted, answers["autoencoders/sd1"])], tmp_path / "autoencoders/sd1.json")
    assert files_in(tmp_path / "autoencoders/sd1") == [
        str(Path(folder, "config.json")),
        str(Path(folder, "diffusion_pytorch_model.safetensors")),
    ]


def test_a_repository_without_the_named_autoencoder(hub: fake_hub.Hub, tmp_path: Path) -> None:
    wanted = need("sd1", "someone/model", part="autoencoder", subfolder="movq")
    with pytest.raises(UserError, match="contains no autoencoder: expected config.json in one of movq"):
        repositories.check_repositories([wanted])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"../evil.json": b"{}"}, "lists a file '../evil.json', which would land outside"),
        ({"/etc/evil.json": b"{}"}, "which would land outside"),
        ({"model_index.json": b'{"../../evil": ["diffusers", "UNet2DModel"]}'}, "not a folder of the model"),
        ({"model_index.json": b'{"/etc": ["diffusers", "UNet2DModel"]}'}, "not a folder of the model"),
        ({"model_index.json": b"[1]"}, "not a JSON object"),
        ({"model_index.json": b"[" * 100_000}, "not a JSON object"),
    ],
)
def test_a_repository_that_would_write_elsewhere_is_refused(
    hub: fake_hub.Hub, tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    hub.repositories["someone/model"] |= files
    with pytest.raises(UserError, match=message):
        repositories.check_repositories([need("sd15", "someone/model")])
    assert files_in(tmp_path) == []


def test_a_file_without_a_hash_is_refused(hub: fake_hub.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_hub, "_git_sha1", lambda content: None)
    with pytest.raises(UserError, match="gives no hash of the file"):
        repositories.check_repositories([need("sd15", "someone/model")])


def test_without_a_network_a_copied_folder_is_enough(no_network: None, tmp_path: Path) -> None:
    for name in LOADED:
        path = tmp_path / "models/sd15" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PIPELINE[name])
    wanted = need("sd15", "someone/model")
    answer = repositories.check_repositories([wanted])["models/sd15"]
    assert answer["commit"] is None
    repositories.fetch([(wanted, answer)], tmp_path / "models/sd15.json")
    (tmp_path / "models/sd15.json").unlink()
    (tmp_path / "models/sd15/vae/diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(UserError, match="models.sd15: .*not complete.*cannot be reached.*`path`"):
        repositories.check_repositories([wanted])


def test_a_prior_is_fetched_into_its_models_folder(hub: fake_hub.Hub, tmp_path: Path) -> None:
    hub.repositories["someone/prior"] = dict(PIPELINE)
    needs = [need("kd21", "someone/model"), need("kd21", "someone/prior", folder="models/kd21/prior")]
    fetch_model(needs, needs, "models/kd21.json")
    assert [record["repository"] for record in repositories.read_manifest("models/kd21.json")] == [
        "someone/model",
        "someone/prior",
    ]
    assert files_in(tmp_path / "models/kd21/prior") == LOADED


def test_one_gated_repository_stops_every_download_that_is_not_done(hub: fake_hub.Hub, tmp_path: Path) -> None:
    hub.repositories["someone/gated"] = dict(PIPELINE)
    first, second, gated = need("a", "someone/model"), need("b", "someone/model"), need("c", "someone/gated")
    fetch_model([first], [first, second], "models/a.json")
    hub.gated.add("someone/gated")
    with pytest.raises(UserError, match="1 of 2 repositories cannot be used:\n- models.c: someone/gated is gated"):
        fetch_model([second], [first, second, gated], "models/b.json")
    assert not (tmp_path / "models/b").exists()
    # A repository that closes after it was fetched no longer matters.
    fetch_model([gated | {"repository": "someone/model"}], [first, second], "models/c.json")
    del hub.repositories["someone/model"]
    hub.gated.clear()
    fetch_model([gated], [first, gated], "models/c.json")


def test_two_studies_that_fetch_the_same_model_download_it_once(hub: fake_hub.Hub, tmp_path: Path) -> None:
    wanted = need("sd15", "someone/model")
    answer = repositories.check_repositories([wanted])["models/sd15"]
    hub.downloads.clear()
    with ThreadPoolExecutor() as studies:
        for _ in range(2):
            studies.submit(repositories.fetch, [(wanted, answer)], tmp_path / "models/sd15.json")
    assert len(hub.downloads) == len(set(hub.downloads))
    assert files_in(tmp_path / "models/sd15") == LOADED
