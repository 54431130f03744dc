"""Fetching weights, against a hub of our own on the loopback interface."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fake_hub
from aedr.errors import UserError
from aedr.weights import repositories
from fetch_model import fetch_model
from published_model import LOADED, PIPELINE, files_in, need


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
