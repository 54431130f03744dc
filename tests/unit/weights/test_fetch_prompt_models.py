"""CLIP models and captioners, fetched from a hub on the loopback interface."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import fake_hub
import fetch_captioner
import fetch_clip_model
import fetch_lpips_backbone
from aedr.errors import UserError
from aedr.study.needs import prompt_model_need
from aedr.weights.hub import fetching
from aedr.weights.repositories import RECORD, check_study, read_manifest
from published_model import PIPELINE, need

PUBLISHED = {"model": "ViT-H-14", "pretrained": "laion2b_s32b_b79k"}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_hub.Hub]:
    with fake_hub.serve() as hub:
        fake_hub.ask_at(hub.address, monkeypatch)
        yield hub


def files(*names: str, tokenizer: str | None = None) -> dict[str, bytes]:
    """Return a repository with these files, which say which tokenizer the model has."""
    text = {"hf_tokenizer_name": tokenizer} if tokenizer else {}
    return {name: json.dumps({"model_cfg": {"text_cfg": text}}).encode() for name in names}


def test_the_published_clip_is_fetched_without_pickled_weights(hub: fake_hub.Hub, tmp_path: Path) -> None:
    hub.repositories["laion/CLIP-ViT-H-14-laion2B-s32B-b79K"] = files(
        "open_clip_config.json", "open_clip_model.safetensors", "open_clip_pytorch_model.bin", "pytorch_model.bin"
    )
    fetch_clip_model.fetch_clip_model([], str(tmp_path / "clip"), **PUBLISHED)
    assert sorted(os.listdir(tmp_path / "clip")) == [RECORD, "open_clip_config.json", "open_clip_model.safetensors"]


def test_a_clip_with_a_tokenizer_of_its_own_gets_it(
    hub: fake_hub.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("open_clip.get_pretrained_cfg", lambda *_: {"hf_hub": "org/tokenized/"})
    clip = files("open_clip_config.json", "open_clip_model.safetensors", tokenizer="org/words")
    hub.repositories["org/tokenized"] = clip
    hub.repositories["org/words"] = files("tokenizer.json", "tokenizer_config.json", "model.safetensors")
    fetch_clip_model.fetch_clip_model([], str(tmp_path / "clip"), model="any", pretrained="tag")
    assert {RECORD, "tokenizer.json", "tokenizer_config.json"} == set(os.listdir(tmp_path / "clip")) - set(clip)


@pytest.mark.parametrize(
    ("model", "pretrained", "message"),
    [
        ("ViT-H-14", "no_such_tag", "knows no weights no_such_tag of ViT-H-14; .*laion2b_s32b_b79k"),
        ("ViT-Q-1", "laion2b_s32b_b79k", "ViT-Q-1.*nor the model itself"),
        ("ViT-H-14", "laion2b_s32b_b79k", "has no repository laion/CLIP-ViT-H-14"),
        ("ViT-B-32", "laion2b_s34b_b79k", "b79K: no open_clip_model.safetensors"),
    ],
)
def test_a_clip_that_cannot_be_fetched_is_told(
    hub: fake_hub.Hub, tmp_path: Path, model: str, pretrained: str, message: str
) -> None:
    hub.repositories["laion/CLIP-ViT-B-32-laion2B-s34B-b79K"] = files("open_clip_config.json", "pytorch_model.bin")
    with pytest.raises(UserError, match=f"(?s)prompts: clip: .*{message}"):
        fetch_clip_model.fetch_clip_model([], str(tmp_path / "clip"), model=model, pretrained=pretrained)


def test_weights_outside_the_hub_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("open_clip.get_pretrained_cfg", lambda *_: {"url": "https://elsewhere/model.pt"})
    with pytest.raises(UserError, match="any/tag is published outside huggingface.co"):
        fetch_clip_model.fetch_clip_model([], str(tmp_path / "clip"), model="any", pretrained="tag")


def test_the_captioner_is_fetched_without_pickled_weights(hub: fake_hub.Hub, tmp_path: Path) -> None:
    hub.repositories["Salesforce/blip"] = files("config.json", "vocab.txt", "model.safetensors", "pytorch_model.bin")
    fetch_captioner.fetch_captioner("Salesforce/blip", None, [], str(tmp_path / "blip"))
    assert sorted(os.listdir(tmp_path / "blip")) == ["config.json", RECORD, "model.safetensors", "vocab.txt"]
    hub.repositories["Salesforce/old"] = files("config.json", "pytorch_model.bin")
    with pytest.raises(UserError, match="Salesforce/old: no model"):
        fetch_captioner.fetch_captioner("Salesforce/old", None, [], str(tmp_path / "old"))


def test_a_download_that_broke_is_gone_on_with_and_never_taken_for_whole(tmp_path: Path) -> None:
    with pytest.raises(UserError), fetching(tmp_path / "blip") as folder:
        Path(folder, "config.json").touch()
        raise UserError("no network")
    assert not (tmp_path / "blip").exists()
    with fetching(tmp_path / "blip") as folder:
        assert os.listdir(folder) == ["config.json"]
    assert os.listdir(tmp_path / "blip") == ["config.json"]


def test_a_captioner_that_is_not_what_the_hub_lists_is_refused(hub: fake_hub.Hub, tmp_path: Path) -> None:
    hub.repositories["org/captioner"] = files("config.json", "model.safetensors")
    hub.damaged.add("config.json")
    with pytest.raises(UserError, match=r"prompts: captioner: .*config\.json is not the file .* was deleted"):
        fetch_captioner.fetch_captioner("org/captioner", None, [], str(tmp_path / "captioner"))
    assert not (tmp_path / "captioner/config.json").exists()


def test_a_clip_is_pinned_and_what_was_fetched_is_recorded(hub: fake_hub.Hub, tmp_path: Path) -> None:
    hub.repositories["org/clip"] = files("open_clip_config.json", "open_clip_model.safetensors")
    folder = tmp_path / "clip"
    with pytest.raises(UserError, match="prompts: clip: org/clip has no revision v9"):
        fetch_clip_model.fetch_clip_model([], str(folder), repository="org/clip", revision="v9")
    commit = fake_hub.commit_of("org/clip")
    fetch_clip_model.fetch_clip_model([], str(folder), repository="org/clip", revision=commit)
    (record,) = read_manifest(folder / RECORD)
    assert (record["repository"], record["commit"]) == ("org/clip", commit)
    assert set(record["files"]) == {"open_clip_config.json", "open_clip_model.safetensors"}


def test_prompt_models_wait_for_licences_and_models_for_prompt_models(hub: fake_hub.Hub, tmp_path: Path) -> None:
    hub.repositories["org/captioner"] = files("config.json", "model.safetensors")
    hub.repositories["org/gated"] = dict(PIPELINE)
    hub.gated.add("org/gated")
    gated = need("flux", "org/gated")
    with pytest.raises(UserError, match="1 of 2 .*\n- models.flux: org/gated is gated"):
        fetch_captioner.fetch_captioner("org/captioner", None, [gated], str(tmp_path / "captioner"))
    with pytest.raises(UserError, match="1 of 2 .*\n- models.flux: org/gated is gated"):
        fetch_lpips_backbone.fetch_lpips_backbone("", [gated, backbone(hub, tmp_path)], str(tmp_path / "vgg.pth"))
    assert not {"captioner", "captioner.partial", "vgg.pth"} & set(os.listdir(tmp_path))
    hub.gated.clear()
    hub.repositories["org/captioner"] = files("config.json", "pytorch_model.bin")
    captioner = prompt_model_need("captioner", "org/captioner", None, "captioner")
    vgg = backbone(hub, tmp_path) | {"url": f"{hub.address}/no/vgg.pth"}
    with pytest.raises(UserError) as raised:
        check_study([gated], [captioner, vgg])
    lines = str(raised.value).splitlines()
    assert lines[0] == "2 of 3 repositories cannot be used:"
    assert lines[1].startswith("- prompts: captioner: org/captioner: no model*.safetensors, and weights load from safe")
    assert lines[2].startswith(f"- reconstruction.lpips_backbone: {hub.address}/no/vgg.pth cannot be downloaded (HTTP")
    assert "download it elsewhere and name the file as reconstruction.lpips_backbone" in lines[2]


def backbone(hub: fake_hub.Hub, folder: Path) -> dict[str, str]:
    """Return the need of a file outside the hub; the stand-in has it under a repository's name."""
    hub.repositories["models/lpips"] = {"vgg.pth": b""}
    address = f"{hub.address}/models/lpips/resolve/main/vgg.pth"
    return {"key": "reconstruction.lpips_backbone", "url": address, "folder": str(folder / "vgg.pth")}
