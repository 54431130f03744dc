"""Rivals: each measures what its method says, image by image."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import save_file
from torchvision.models.vgg import cfgs, make_layers

import tiny_autoencoders
from aedr.autoencoders.loading import Autoencoder, load_autoencoder
from aedr.costs import Costs
from aedr.images.pictures import describe_image, encode_png
from aedr.reconstruction.double_reconstruction import double_losses
from aedr.reconstruction.losses import LOSSES
from aedr.reconstruction.pixels import to_pixels, to_tensor
from aedr.reconstruction.shards import ReconstructionSettings
from aedr.rivals import aeroblade
from aedr.rivals.distances import load_distance
from aedr.rivals.measuring import load_rival, measure_shard
from aedr.rivals.ronan import entropy_2d
from aedr.scoring.accuracy import evaluate_accuracy, fit_thresholds
from aedr.scoring.signals import SIGNALS, compute_signals
from aedr.study.rivals import RIVALS

CPU = torch.device("cpu")
SCRIPTS = Path(__file__).parents[3] / "workflow/scripts"
SETTINGS = {
    "latent_tracer": {"steps": 4, "learning_rate": 0.05},
    "ronan": {"steps": 4, "learning_rate": 0.1},
    "hfi": {"distance": "l2", "kernel_size": 3, "sigma": 1.0},
    "codebook": {},
}


@pytest.fixture(scope="module")
def autoencoders(tmp_path_factory) -> dict[str, Autoencoder]:
    folder = tmp_path_factory.mktemp("autoencoders")
    made = {}
    for name, factory in tiny_autoencoders.AUTOENCODERS.items():
        with tiny_autoencoders.seeded(1):
            factory().save_pretrained(folder / name)
        made[name] = load_autoencoder(folder / name, "float32", CPU)
    return made


def pictures(count: int) -> list[np.ndarray]:
    coarse = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return [np.kron(one, np.ones((8, 8, 1), np.uint8)) for one in coarse]


def measured(rival: str, autoencoder: Autoencoder, images: torch.Tensor, seeds=(), **changes) -> np.ndarray:
    measure = load_rival(rival, SETTINGS[rival] | changes, None, CPU)
    return np.array(measure(autoencoder, images, seeds or range(len(images))), dtype=float)


@pytest.mark.parametrize("kind", tiny_autoencoders.AUTOENCODERS)
@pytest.mark.parametrize("rival", SETTINGS)
def test_an_image_is_measured_alike_alone_and_among_others(autoencoders, rival, kind) -> None:
    if rival == "codebook" and not autoencoders[kind].has_codebook:
        return
    images = to_tensor(pictures(3), CPU)
    together = measured(rival, autoencoders[kind], images)
    alone = [measured(rival, autoencoders[kind], images[at : at + 1], [at])[0] for at in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-4)
    assert len({first for first, _ in together.tolist()}) == 3


@pytest.mark.parametrize("kind", tiny_autoencoders.AUTOENCODERS)
def test_latent_tracer_starts_from_the_first_loss_and_never_ends_above_it(autoencoders, kind) -> None:
    images = to_tensor(pictures(3), CPU)
    pairs = double_losses(
        autoencoders[kind], images, {"l2": lambda made, image: LOSSES["l2"](made.clamp(-1, 1), image)}
    )
    first = [loss for loss, _ in pairs["l2"]]
    np.testing.assert_allclose(measured("latent_tracer", autoencoders[kind], images, steps=1)[:, 0], first, rtol=1e-4)
    assert (measured("latent_tracer", autoencoders[kind], images, steps=10)[:, 0] < first).all()


def test_ronan_starts_from_each_image_s_own_noise_and_divides_by_its_complexity(autoencoders) -> None:
    kl = autoencoders["kl"]
    picture = pictures(1)[0]
    images = to_tensor([picture, picture, np.zeros_like(picture)], CPU)
    seeded = measured("ronan", kl, images, [7, 8, 9], steps=1)[:, 0]
    assert seeded[0] != seeded[1] and np.isnan(seeded[2])
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(7))
    made = kl.decode(noise / kl.network.config.scaling_factor).clamp(-1, 1)
    loss = LOSSES["l2"](made, images[:1]).item()
    assert seeded[0] == pytest.approx(loss / entropy_2d(picture), rel=1e-5)


def test_entropy_is_that_of_pairs_of_a_level_and_its_neighbours_mean() -> None:
    picture = np.random.default_rng(1).integers(0, 3, (5, 6), dtype=np.uint8)
    padded = np.pad(picture.astype(int), 1)
    pairs = [
        (padded[y, x], padded[y - 1 : y + 2, x - 1 : x + 2].sum() - padded[y, x])
        for y in range(1, 6)
        for x in range(1, 7)
    ]
    shares = [pairs.count(pair) / len(pairs) for pair in set(pairs)]
    expected = -sum(share * math.log2(share) for share in shares)
    assert entropy_2d(np.repeat(picture[..., None], 3, axis=2)) == pytest.approx(expected)


def test_hfi_is_zero_where_the_filter_changes_nothing(autoencoders) -> None:
    constant = to_tensor([np.full((32, 32, 3), 90, np.uint8)], CPU)
    assert abs(measured("hfi", autoencoders["kl"], constant)[0, 0]) < 1e-6
    assert abs(measured("hfi", autoencoders["kl"], to_tensor(pictures(1), CPU))[0, 0]) > 1e-4


def test_the_codebook_distance_is_that_of_the_latents_to_their_nearest_codes(autoencoders) -> None:
    vq = autoencoders["vq"]
    images = to_tensor(pictures(2), CPU)
    codes = vq.network.quantize.embedding.weight
    with torch.inference_mode():
        reconstructions = vq.reconstruct(images, "mode", ())
        for at, side in enumerate((images, reconstructions)):
            latents = vq.encode(side).permute(0, 2, 3, 1).flatten(1, 2)
            nearest = torch.cdist(latents, codes[None]).min(-1).values.square().mean(1) / codes.shape[1]
            np.testing.assert_allclose(measured("codebook", vq, images)[:, at], nearest, rtol=1e-4)
        exact = vq.nearest_codes(vq.encode(images))
        assert torch.allclose(vq.nearest_codes(exact), exact, atol=1e-7)


def test_aeroblade_takes_one_layer_of_lpips_from_the_file_that_is_given(autoencoders, tmp_path) -> None:
    file = tmp_path / "vgg.safetensors"
    with tiny_autoencoders.seeded(0):
        save_file({f"features.{name}": value for name, value in make_layers(cfgs["D"]).state_dict().items()}, file)
    images = to_tensor(pictures(2), CPU)
    second, every = (load_distance(f"lpips_vgg_{layer}", file, CPU) for layer in (2, 0))
    assert (second(images, images) == 0).all()
    assert (second(images, images.flip(0)) < every(images, images.flip(0))).all()
    kl = autoencoders["kl"]
    losses = aeroblade.measure(kl, images, [3, 4], second)
    with torch.inference_mode():
        kept = to_tensor(list(to_pixels(kl.reconstruct(images, "sample", [3, 4]))), CPU)
    assert losses == [(pytest.approx(loss), None) for loss in second(kept, images).tolist()]


def shard(rival: str, autoencoder: Autoencoder) -> pd.DataFrame:
    rows = [
        {"image_id": f"{source}/{i}", "source": source} | describe_image(encode_png(picture), f"{i}.png", 10**9)
        for i, picture in enumerate(pictures(16))
        for source in ("own", "other")
    ]
    rows.append({"image_id": "own/bad", "source": "own", "reason": "cut off"})
    settings = ReconstructionSettings(0, "A", "mode", "crop", None, 8)
    measure = load_rival(rival, SETTINGS[rival], None, CPU)
    needs_codebook = RIVALS[rival].needs_codebook
    made = pd.DataFrame(
        measure_shard(pd.DataFrame(rows), autoencoder, rival, measure, settings, Costs(CPU), needs_codebook)
    )
    # As the table has them.
    return made.astype({"first_loss": float, "second_loss": float}) if len(made) else made


def test_a_rival_without_a_second_loss_is_scored_by_its_first_alone(autoencoders) -> None:
    losses = pd.concat([shard("hfi", autoencoders["vq"]), shard("codebook", autoencoders["vq"])])
    assert losses.loc[losses["image_id"] == "own/bad", "reason"].tolist() == ["cut off"] * 2
    ids = losses["image_id"].unique()
    homogeneity = pd.DataFrame({"image_id": ids, "source": "", "group": ids, "homogeneity": 0.5, "reason": None})
    signals, parameters = compute_signals(losses, homogeneity, {"own"}, 0.5)
    assert parameters["metric"].tolist() == ["codebook"]
    assert signals["reason"].notna().sum() == 2
    thresholds = fit_thresholds(signals, {"A": 0.05}, "exact")
    fitted = thresholds.groupby("metric")["signal"].agg(set).to_dict()
    assert fitted == {"hfi": {"first_loss"}, "codebook": set(SIGNALS)}
    assert evaluate_accuracy(signals, thresholds)["accuracy"].notna().all()


def test_a_continuous_autoencoder_has_no_rows_for_the_codebook(autoencoders) -> None:
    assert shard("codebook", autoencoders["kl"]).empty


def test_every_rival_of_the_schema_has_a_name_and_a_module_and_there_are_no_others() -> None:
    schema = yaml.safe_load((SCRIPTS.parent / "schemas/config.schema.yaml").read_text())
    assert schema["properties"]["rivals"]["items"]["enum"] == sorted(RIVALS)
    settings = set(schema["definitions"]["rival_settings"]["properties"]) - {"vgg_backbone"}
    assert settings <= set(RIVALS)
    modules = [path.stem for path in (SCRIPTS / "aedr/rivals").glob("*.py") if "\ndef measure(" in path.read_text()]
    assert sorted(modules) == sorted(RIVALS)


@pytest.mark.parametrize("rival", SETTINGS)
def test_only_a_seeded_rival_depends_on_seeds(autoencoders, rival) -> None:
    images = to_tensor(pictures(2), CPU)
    once, again = (measured(rival, autoencoders["vq"], images, seeds) for seeds in ((1, 2), (3, 4)))
    assert np.array_equal(once, again, equal_nan=True) != RIVALS[rival].is_seeded
