"""GPUs that are missing or too small, and the record of what the work on them cost."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import tiny_autoencoders
from aedr.autoencoders.loading import Autoencoder, load_autoencoder
from aedr.costs import Costs
from aedr.devices import pick_device
from aedr.errors import UserError
from aedr.gpus import installed_gpus
from aedr.images.pictures import describe_image, encode_png
from aedr.reconstruction.losses import loss_functions
from aedr.reconstruction.shards import ReconstructionSettings, reconstruct_shard
from aedr.tables.files import read_cost, write_table
from fetch_model import fetch_model
from published_model import need

# Pictures of 64 pixels are too small for threads to help.
torch.set_num_threads(1)

CPU = torch.device("cpu")
FUNCTIONS = loss_functions(["l2", "ssim"], None, CPU)


@pytest.fixture
def autoencoder(tmp_path) -> Autoencoder:
    tiny_autoencoders.tiny_autoencoder_kl().save_pretrained(tmp_path)
    return load_autoencoder(tmp_path, "float32", CPU)


def pictures(*widths: int) -> pd.DataFrame:
    noise = np.random.default_rng(0)
    rows = []
    for number, width in enumerate(widths):
        coarse = noise.integers(0, 256, (8, width // 8, 3), dtype=np.uint8)
        png = encode_png(np.kron(coarse, np.ones((8, 8, 1), np.uint8)))
        rows.append({"image_id": f"s/{number}", "source": "s"} | describe_image(png, f"{number}.png", 10**9))
    return pd.DataFrame(rows)


def losses(autoencoder: Autoencoder, images: pd.DataFrame, batch_size: int, **changes: Any) -> tuple[Any, list[str]]:
    usual = {"encoding": "mode", "off_grid": "crop", "resize_to": None}
    settings = ReconstructionSettings(study_seed=0, autoencoder="A", batch_size=batch_size, **usual | changes)
    costs = Costs(CPU)
    return reconstruct_shard(images, autoencoder, FUNCTIONS, settings, CPU, costs), costs.fallbacks


def fill_memory(network: Any, monkeypatch: pytest.MonkeyPatch, images: int = 99, pixels: int = 10**9) -> list[Any]:
    """Let an autoencoder fail on more images, and on larger ones but on the CPU; return where it was moved to."""
    encode, to, moves = network.encode, network.to, []

    def failing(batch: torch.Tensor) -> Any:
        if len(batch) > images or (batch[0, 0].numel() > pixels and moves[-1:] != ["cpu"]):
            raise torch.OutOfMemoryError("full")
        return encode(batch)

    def moved(device: Any) -> Any:
        moves.append(device)
        return to(device)

    monkeypatch.setattr(network, "encode", failing)
    monkeypatch.setattr(network, "to", moved)
    return moves


@pytest.mark.parametrize("encoding", ["mode", "sample"])
@pytest.mark.parametrize("fits, fallbacks", [(1, ["batches of 2", "batches of 1"]), (2, ["batches of 2"])])
def test_a_batch_that_does_not_fit_gives_the_losses_of_the_batch_that_does(
    autoencoder, monkeypatch, encoding, fits, fallbacks
) -> None:
    images = pictures(64, 64, 64, 64, 64, 96)
    expected, _ = losses(autoencoder, images, fits, encoding=encoding)
    fill_memory(autoencoder.network, monkeypatch, images=fits)
    assert losses(autoencoder, images, 4, encoding=encoding) == (expected, fallbacks)


@pytest.mark.parametrize("off_grid", ["crop", "search"])
def test_an_image_that_does_not_fit_alone_is_reconstructed_on_the_cpu(autoencoder, monkeypatch, off_grid) -> None:
    images = pictures(64, 640, 64)
    expected, _ = losses(autoencoder, images, 1, off_grid=off_grid)
    assert all(row["first_loss"] for row in expected)
    moves = fill_memory(autoencoder.network, monkeypatch, pixels=64 * 320)
    assert losses(autoencoder, images, 1, off_grid=off_grid) == (expected, ["the CPU for s/1"])
    assert moves == ["cpu", CPU]


def test_a_table_says_what_it_cost(autoencoder, tmp_path) -> None:
    costs = Costs(CPU)
    costs.begin_work()
    for _ in range(2):
        with costs.part("l2"):
            torch.ones(9).sum()
    costs.fall_back("batches of 2")
    write_table(tmp_path / "costly.parquet", "losses", [], {"cost": costs.record(images=7)})
    cost = read_cost(tmp_path / "costly.parquet")
    assert cost["images"] == 7 and cost["device"] == "cpu" and cost["fallbacks"] == ["batches of 2"]
    assert 0 < cost["parts"]["l2"] < cost["seconds"] and cost["loading_seconds"] > 0
    # A process that loaded torch holds more than that, and less than the machine.
    assert 10**8 < cost["peak_memory_bytes"] < 10**12
    write_table(tmp_path / "plain.parquet", "losses", [], {"settings": json.dumps({})})
    with pytest.raises(UserError, match="plain.parquet does not record what it cost"):
        read_cost(tmp_path / "plain.parquet")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_is_refused_where_there_is_none() -> None:
    assert pick_device("auto") == pick_device("cpu") == CPU
    with pytest.raises(UserError, match="device: cuda is configured, but this job sees no usable GPU"):
        pick_device("cuda")


@pytest.fixture
def a_gpu_that_torch_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 12040).\nMore words.")

    # A container that was given the machine's fourth GPU.
    monkeypatch.setattr("glob.glob", lambda pattern: ["/dev/nvidia3"])
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", refuse)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_a_gpu_that_torch_cannot_use_is_not_passed_over(a_gpu_that_torch_cannot_use: None, monkeypatch) -> None:
    message = r"device: auto: this machine has a GPU, .* for CUDA 13.0, cannot use it: .*found version 12040\)\. Update"
    with pytest.raises(UserError, match=message):
        pick_device("auto")
    assert pick_device("cpu") == CPU
    # Hidden, or with a torch that knows no CUDA, it is not meant to be used.
    with monkeypatch.context() as hidden:
        hidden.setenv("CUDA_VISIBLE_DEVICES", "")
        assert pick_device("auto") == CPU
    monkeypatch.setattr(torch.version, "cuda", None)
    assert pick_device("auto") == CPU


def test_a_gpu_too_old_for_the_kernels_is_not_found_out_later(monkeypatch) -> None:
    def no_kernel(*_: Any, **__: Any) -> None:
        raise torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", no_kernel)
    with pytest.raises(UserError, match="device: auto: .* cannot use it: CUDA error: no kernel image"):
        pick_device("auto")


def test_gpus_are_counted_as_cuda_does(a_gpu_that_torch_cannot_use: None) -> None:
    assert installed_gpus() == ["0"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_an_unusable_gpu_is_told_before_weights_are_fetched(a_gpu_that_torch_cannot_use: None, tmp_path) -> None:
    wanted = need("sd15", "someone/model")
    with pytest.raises(UserError, match="^device: cuda is configured, but this job sees no usable GPU"):
        fetch_model([wanted], [wanted], str(tmp_path / "sd15.json"), device="cuda")


def test_float32_is_not_rounded_to_tf32(monkeypatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    pick_device("cpu")
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
