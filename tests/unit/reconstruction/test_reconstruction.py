"""Double reconstruction: the right arithmetic, decoded as pipelines decode, whatever the batch."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from skimage.metrics import peak_signal_noise_ratio
from torchvision.models import alexnet

import tiny_autoencoders
from aedr.autoencoders.loading import find_autoencoder, load_autoencoder
from aedr.errors import UnusableImage, UserError
from aedr.images.pictures import describe_image, encode_png
from aedr.reconstruction.double_reconstruction import double_losses
from aedr.reconstruction.losses import LOSSES, loss_functions
from aedr.reconstruction.pixels import apply_fit, fit_to_grid, to_tensor
from aedr.reconstruction.shards import ReconstructionSettings, reconstruct_shard

CPU = torch.device("cpu")
# As a job of one thread computes.
torch.set_num_threads(1)


@pytest.fixture(params=tiny_autoencoders.AUTOENCODERS)
def saved(request, tmp_path):
    # The same weights in every run: with some, a latent of a quantised autoencoder lies so near between two codes that
    # the last bit decides, and a batch changes its image's losses (benchmarks/cost/batches.py says by how much).
    torch.manual_seed(0)
    network = tiny_autoencoders.AUTOENCODERS[request.param]().eval()
    network.save_pretrained(tmp_path)
    return request.param, network, load_autoencoder(tmp_path, "float32", CPU)


def pictures(count: int, height: int = 64, width: int = 64) -> list[np.ndarray]:
    # Smooth random fields: white noise would saturate an untrained autoencoder.
    noise = np.random.default_rng(0).integers(0, 256, (count, height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return [np.kron(one, np.ones((8, 8, 1), np.uint8))[:height, :width] for one in noise]


def test_losses_are_what_their_names_say() -> None:
    first, second = (torch.from_numpy(np.stack(pictures(4)[i : i + 2])).permute(0, 3, 1, 2) / 127.5 - 1 for i in (0, 2))
    difference = (first - second).double()
    assert torch.allclose(LOSSES["l1"](first, second), difference.abs().mean((1, 2, 3)))
    assert torch.allclose(LOSSES["l2"](first, second), difference.square().mean((1, 2, 3)))
    for at in range(2):
        a, b = (x[at].numpy().astype(float) for x in (first, second))
        assert LOSSES["psnr"](first, second)[at].item() == pytest.approx(
            -peak_signal_noise_ratio((b + 1) / 2, (a + 1) / 2, data_range=2.0), rel=1e-5
        )
    laplacian = torch.tensor([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]).double()[None, None] / 4
    for metric, shown in {
        "high_frequency": difference,
        "mid_frequency": torch.nn.functional.avg_pool2d(difference, 2),
    }.items():
        by_convolution = torch.nn.functional.conv2d(shown.flatten(0, 1)[:, None], laplacian)
        expected = by_convolution.reshape(2, -1).square().mean(1)
        assert torch.allclose(LOSSES[metric](first, second), expected, rtol=1e-5)


@pytest.mark.parametrize("metric", [name for name in LOSSES if name != "psnr"])
def test_losses_vanish_for_equal_images_and_do_not_mix_the_images_of_a_batch(metric) -> None:
    images = to_tensor(pictures(3), CPU)
    worse = images.flip(0)
    assert LOSSES[metric](images, images).abs().max() < 1e-5
    one_by_one = torch.cat([LOSSES[metric](worse[i : i + 1], images[i : i + 1]) for i in range(3)])
    assert torch.allclose(LOSSES[metric](worse, images), one_by_one, rtol=1e-6)


def test_lpips_takes_its_backbone_from_a_file_and_says_what_is_missing(tmp_path) -> None:
    torch.manual_seed(0)
    weights = alexnet(weights=None).state_dict()
    save_file(weights, tmp_path / "alexnet.safetensors")
    torch.save(weights, tmp_path / "alexnet.pth")
    images = to_tensor(pictures(2), CPU)
    values = [
        loss_functions(["lpips"], tmp_path / name, CPU)["lpips"](images, images.flip(0))
        for name in ("alexnet.safetensors", "alexnet.pth")
    ]
    assert torch.equal(*values) and values[0].min() > 0
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="lpips_backbone.*other.safetensors"):
        loss_functions(["lpips"], tmp_path / "other.safetensors", CPU)


def test_reconstruction_decodes_as_the_pipeline_does(saved) -> None:
    kind, network, autoencoder = saved
    images = to_tensor(pictures(2), CPU)
    with torch.inference_mode():
        if kind == "kl":
            expected = network.decode(network.encode(images).latent_dist.mode()).sample
        elif kind == "tiny":
            expected = network.decode(network.encode(images).latents).sample
        else:
            # VQ-Diffusion decodes code vectors, Kandinsky decodes latents as they are; both force_not_quantize.
            latents = network.encode(images).latents
            if kind == "vq":
                latents, _, _ = network.quantize(latents)
            expected = network.decode(latents, force_not_quantize=True).sample
        assert torch.allclose(autoencoder.reconstruct(images, "mode", []), expected, atol=1e-6)


def test_quantising_is_a_setting(tmp_path) -> None:
    tiny_autoencoders.tiny_movq().save_pretrained(tmp_path)
    images = to_tensor(pictures(1), CPU)
    with torch.inference_mode():
        plain, quantised = (
            load_autoencoder(tmp_path, "float32", CPU, quantise=quantise).reconstruct(images, "mode", [])
            for quantise in (None, True)
        )
    assert not torch.allclose(plain, quantised)


def test_second_loss_is_the_first_loss_of_the_reconstruction(saved) -> None:
    _, _, autoencoder = saved
    images = to_tensor(pictures(2), CPU)
    with torch.inference_mode():
        once = autoencoder.reconstruct(images, "mode", [])
    functions = loss_functions(["l2", "high_frequency"], None, CPU)
    again = double_losses(autoencoder, once, functions)
    for metric, pairs in double_losses(autoencoder, images, functions).items():
        assert [second for _, second in pairs] == pytest.approx([first for first, _ in again[metric]], rel=1e-4)


def table(images: list[np.ndarray]) -> pd.DataFrame:
    rows = [
        {"image_id": f"s/{i}", "source": "s"} | describe_image(encode_png(image), f"{i}.png", 10**9)
        for i, image in enumerate(images)
    ]
    return pd.DataFrame(rows)


def settings(**changes: object) -> ReconstructionSettings:
    usual = {
        "study_seed": 0,
        "autoencoder": "A",
        "encoding": "mode",
        "off_grid": "crop",
        "resize_to": None,
        "batch_size": 3,
    }
    return ReconstructionSettings(**(usual | changes))


@pytest.mark.parametrize("encoding", ["mode", "sample"])
def test_rows_do_not_depend_on_batch_or_order(saved, encoding) -> None:
    _, _, autoencoder = saved
    images = table([*pictures(4), *pictures(2, 64, 96), *pictures(1, 70, 75)])
    functions = loss_functions(["l2", "ssim"], None, CPU)

    def losses(rows: pd.DataFrame, batch_size: int) -> pd.DataFrame:
        made = reconstruct_shard(rows, autoencoder, functions, settings(encoding=encoding, batch_size=batch_size), CPU)
        return pd.DataFrame(made).set_index(["image_id", "metric"]).sort_index()

    one_by_one = losses(images, 1)
    for other in [losses(images, 3), losses(images.iloc[::-1].reset_index(drop=True), 5)]:
        # 1 - SSIM is a difference of float32 numbers near one.
        pd.testing.assert_frame_equal(one_by_one, other, rtol=1e-4, atol=1e-6)
    pd.testing.assert_frame_equal(one_by_one, losses(images, 1), rtol=0)


def test_a_sampled_latent_differs_from_the_mode_and_follows_the_seed(tmp_path) -> None:
    tiny_autoencoders.tiny_autoencoder_kl().save_pretrained(tmp_path)
    autoencoder = load_autoencoder(tmp_path, "float32", CPU)
    functions = loss_functions(["l2"], None, CPU)
    first = {
        (encoding, seed): reconstruct_shard(
            table(pictures(1)), autoencoder, functions, settings(encoding=encoding, study_seed=seed), CPU
        )[0]["first_loss"]
        for encoding in ("mode", "sample")
        for seed in (0, 1)
    }
    assert first["mode", 0] == first["mode", 1]
    assert len({first["mode", 0], first["sample", 0], first["sample", 1]}) == 3


def test_every_row_is_kept_and_has_a_meaning(tmp_path) -> None:
    tiny_autoencoders.tiny_autoencoder_kl().save_pretrained(tmp_path)
    autoencoder = load_autoencoder(tmp_path, "float32", CPU)
    images = table([*pictures(1), *pictures(1, 9, 200), *pictures(1, 1, 1), *pictures(1, 67, 66)])
    images.loc[len(images)] = {"image_id": "s/bad", "source": "s", "reason": "cut off"}
    rows = pd.DataFrame(reconstruct_shard(images, autoencoder, loss_functions(["l2"], None, CPU), settings(), CPU))
    assert rows["image_id"].tolist() == images["image_id"].tolist()
    assert rows["fit"].tolist() == ["whole", "none", "none", "cropped", "none"]
    assert rows["first_loss"].notna().tolist() == [True, False, False, True, False]
    assert rows["reason"].notna().tolist() == [False, True, True, False, True]
    assert rows["reason"].iloc[-1] == "cut off"


def test_fit_to_the_grid() -> None:
    assert fit_to_grid(64, 72, 8, "crop", None).how == "whole"
    cropped = fit_to_grid(70, 75, 8, "crop", None)
    assert (cropped.height, cropped.width, cropped.how) == (64, 72, "cropped")
    resized = fit_to_grid(70, 75, 8, "resize", None)
    assert (resized.height, resized.width, resized.how) == (72, 72, "resized")
    assert fit_to_grid(512, 512, 8, "crop", 512).how == "whole"
    assert fit_to_grid(10, 900, 8, "crop", 512).how == "resized"
    with pytest.raises(UnusableImage, match="15x900"):
        fit_to_grid(900, 15, 8, "crop", None)
    image = pictures(1, 70, 75)[0]
    assert np.array_equal(apply_fit(image, cropped), image[:64, :72])
    assert apply_fit(image, resized).shape == (72, 72, 3)


def test_an_autoencoder_is_found_in_a_model_and_a_missing_or_pickled_one_is_named(tmp_path) -> None:
    with pytest.raises(UserError, match="contains no autoencoder"):
        find_autoencoder(tmp_path)
    tiny_autoencoders.tiny_vq_model().save_pretrained(tmp_path / "vqvae", safe_serialization=False)
    assert find_autoencoder(tmp_path) == tmp_path / "vqvae"
    with pytest.raises(UserError, match="cannot be loaded"):
        load_autoencoder(tmp_path / "vqvae", "float32", CPU)
    assert load_autoencoder(tmp_path / "vqvae", "float32", CPU, trusted_pickle=True).factor > 1


def test_half_precision_weights_reconstruct_in_float32(tmp_path) -> None:
    tiny_autoencoders.tiny_autoencoder_kl().half().save_pretrained(tmp_path)
    autoencoder = load_autoencoder(tmp_path, "float32", CPU)
    assert autoencoder.network.dtype == torch.float32
    assert autoencoder.reconstruct(to_tensor(pictures(1), CPU), "mode", []).dtype == torch.float32
