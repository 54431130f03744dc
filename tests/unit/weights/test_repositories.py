"""Asking the hub: which files are taken, and every reason for taking none."""

import json
from pathlib import Path

import pytest

import fake_hub
from aedr.errors import UserError
from aedr.weights import repositories
from published_model import PIPELINE, files_in, need


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


def test_lists_of_values_are_no_components() -> None:
    index = {"vae": ["diffusers", "AutoencoderKL"], "image_encoder": [None, None]}
    settings = {"text_encoder_select_layers": [2, 5, 8], "sample_sigmas": [1.0, 0.5], "is_distilled": False}
    assert repositories.components_of(index | settings) == ["vae"]


def test_a_modular_repository_and_one_with_parts_from_elsewhere(hub: fake_hub.Hub) -> None:
    place = {"pretrained_model_name_or_path": "someone/original", "subfolder": "vae", "revision": None}
    index = {
        "_class_name": "Flux3DistilledModularPipeline",
        "vae": ["diffusers", "AutoencoderKLFlux2", place],
        "scheduler": ["diffusers", "SomeScheduler", {"pretrained_model_name_or_path": None}],
    }
    files = {name: content for name, content in PIPELINE.items() if name.startswith("vae/")}
    hub.repositories["someone/modular"] = files | {"modular_model_index.json": json.dumps(index).encode()}
    wanted = need("klein", "someone/modular")
    assert set(repositories.check_repositories([wanted])[wanted["folder"]]["files"]) == {
        "modular_model_index.json",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    }
    index["text_encoder"] = ["transformers", "Qwen3VL", place | {"subfolder": "text_encoder"}]
    hub.repositories["someone/modular"]["modular_model_index.json"] = json.dumps(index).encode()
    with pytest.raises(UserError, match=r"takes text_encoder .from someone/original.*name it under `components`"):
        repositories.check_repositories([wanted])
    files = {"config.json": b"{}", "model.safetensors": b"weights", "tokenizer.json": b"{}", "original/model.pth": b"p"}
    hub.repositories["someone/original"] = files
    part = need("klein", "someone/original", part="component", folder="models/klein/someone--original")
    answers = repositories.check_repositories([wanted | {"elsewhere": ["text_encoder"]}, part])
    assert set(answers[part["folder"]]["files"]) == {"config.json", "model.safetensors", "tokenizer.json"}


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


@pytest.mark.parametrize(
    ("status", "headers", "meaning"),
    [
        (
            401,
            {"X_Error_Message": "Invalid credentials in Authorization header"},
            "does not accept your token .Invalid",
        ),
        (403, {"X_Error_Code": "GatedRepo"}, "someone/model is gated, and the account of your token has no access"),
        (403, {"X_Error_Message": "Please enable access to public gated repositories"}, "your token may not read"),
    ],
)
@pytest.mark.parametrize("asked", ["the listing", "a file"])
def test_what_the_hub_has_against_a_token_is_told(
    hub: fake_hub.Hub, status: int, headers: dict[str, str], meaning: str, asked: str
) -> None:
    first = [] if asked == "the listing" else [None]
    hub.answers["someone/model"] = [*first, *[(status, headers)] * 9]
    with pytest.raises(UserError, match=f"- models.sd15: (huggingface.co )?{meaning}") as raised:
        repositories.check_repositories([need("sd15", "someone/model")])
    assert "connection" not in str(raised.value) and "cannot be reached" not in str(raised.value)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_hub_is_asked_again_after_a_pause(
    hub: fake_hub.Hub, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    hub.answers["someone/model"] = [(status, {"Retry_After": "7"}), (status, {})]
    assert repositories.check_repositories([need("sd15", "someone/model")])["models/sd15"]["files"]
    assert pauses == [7, 2]
    hub.answers["someone/model"] = [(status, {})] * 99
    with pytest.raises(UserError, match=f"models.sd15: huggingface.co is busy .it answers {status}.: run again later"):
        repositories.check_repositories([need("sd15", "someone/model")])


def test_a_hub_that_stays_busy_with_one_repository_lets_others_be_fetched(
    hub: fake_hub.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.repositories["someone/busy"] = dict(PIPELINE)
    hub.answers["someone/busy"] = [(503, {})] * 99
    own, other = need("sd15", "someone/model"), need("sdxl", "someone/busy")
    assert list(repositories.check_study([own], [own, other])) == ["models/sd15"]


def test_one_problem_of_several_models_is_said_once(hub: fake_hub.Hub) -> None:
    hub.gated.add("someone/model")
    needs = [need("sd15", "someone/model"), need("sd21", "someone/model")]
    with pytest.raises(UserError) as raised:
        repositories.check_repositories(needs)
    assert str(raised.value).count("is gated") == 1
    assert "- models.sd15, models.sd21: someone/model is gated" in str(raised.value)
