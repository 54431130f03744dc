"""Families go by the content of the weights that make pictures: not by file, format or precision."""

import copy
import hashlib
import warnings
from pathlib import Path

import diffusers
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny_autoencoders
from aedr.autoencoders.families import are_equal, assign_families, family_alphas, members
from aedr.autoencoders.fingerprints import fingerprint, sketch, used_tensors
from aedr.autoencoders.loading import Autoencoder, as_autoencoder, load_autoencoder
from aedr.errors import UserError
from aedr.tables.files import read_table, write_table
from aedr.weights.repositories import fetch
from identify_autoencoder import identify_autoencoder

CPU = torch.device("cpu")


def fingerprints(autoencoder: Autoencoder) -> list[str]:
    return [fingerprint(part) for part in used_tensors(autoencoder)]


def sketches(autoencoder: Autoencoder) -> list[list[float]]:
    return [sketch(part) for part in used_tensors(autoencoder)]


def saved(network: diffusers.ModelMixin, folder: Path, pickled: bool = False) -> Autoencoder:
    network.save_pretrained(folder, safe_serialization=not pickled)
    return load_autoencoder(folder, "float32", CPU, trusted_pickle=pickled)


@pytest.mark.parametrize("kind", tiny_autoencoders.ALL)
def test_the_same_weights_in_another_file_or_precision_are_one_family(kind, tmp_path) -> None:
    with tiny_autoencoders.seeded(0):
        network = tiny_autoencoders.ALL[kind]()
        other = saved(tiny_autoencoders.ALL[kind](), tmp_path / "other")
    plain = saved(network, tmp_path / "plain")
    hashes, numbers = fingerprints(plain), sketches(plain)
    assert hashes[0] != hashes[1]
    assert fingerprints(saved(network, tmp_path / "pickled", pickled=True)) == hashes
    copies = {
        "half": copy.deepcopy(network).half(),
        "bfloat16": copy.deepcopy(network).bfloat16(),
        "both": copy.deepcopy(network).half().bfloat16(),
    }
    loaded = {name: saved(made, tmp_path / name) for name, made in copies.items()}
    assert fingerprints(loaded["half"]) == hashes
    for made in loaded.values():
        assert all(are_equal(*pair) for pair in zip(numbers, sketches(made), strict=True))
    # None of the copies is the original.
    pairs = zip(sketches(loaded["half"]), sketches(loaded["bfloat16"]), strict=True)
    assert all(are_equal(*pair) for pair in pairs)
    assert not any(are_equal(*pair) for pair in zip(numbers, sketches(other), strict=True))


@pytest.mark.parametrize("kind, unused", [("flux2", "bn.running_var"), ("movq", "quantize.embedding.weight")])
def test_weights_that_no_picture_meets_are_no_part_of_a_family(kind, unused) -> None:
    network = tiny_autoencoders.ALL[kind]().eval()
    before = fingerprints(as_autoencoder(network, False))
    with torch.no_grad():
        network.state_dict()[unused].add_(1.0)
    assert fingerprints(as_autoencoder(network, False)) == before


@pytest.mark.parametrize("kind", ["kl", "tiny", "vq"])
def test_hashes_are_those_of_earlier_versions_where_all_weights_are_used(kind) -> None:
    """A calibration that was made with one of these stays valid."""
    network = tiny_autoencoders.AUTOENCODERS[kind]().eval()
    encoder, decoder = hashlib.sha256(), hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        part = encoder if name.startswith(("encoder.", "quant_conv.")) else decoder
        part.update(f"{name} {list(tensor.shape)}\n".encode() + tensor.half().numpy().tobytes())
    assert fingerprints(as_autoencoder(network, True)) == [encoder.hexdigest(), decoder.hexdigest()]


def test_a_little_training_makes_another_family() -> None:
    network = tiny_autoencoders.tiny_autoencoder_kl().eval()
    before = sketches(as_autoencoder(network, True))
    with torch.no_grad(), tiny_autoencoders.seeded(0):
        for tensor in network.decoder.parameters():
            tensor.mul_(1 + 0.01 * torch.randn_like(tensor))
    after = sketches(as_autoencoder(network, True))
    assert are_equal(before[0], after[0]) and not are_equal(before[1], after[1])


def test_attention_weights_under_their_old_names_are_the_same(tmp_path) -> None:
    network = tiny_autoencoders.tiny_autoencoder_kl()
    plain = fingerprints(saved(network, tmp_path))
    file = tmp_path / "diffusion_pytorch_model.safetensors"
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    weights = load_file(file)
    renamed = {}
    for name, tensor in weights.items():
        for new, old in names.items():
            name = name.replace(f".{new}.", f".{old}.")
        renamed[name] = tensor
    assert set(renamed) != set(weights)
    save_file(renamed, file, metadata={"format": "pt"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = load_autoencoder(tmp_path, "float32", CPU)
    assert fingerprints(loaded) == plain


@pytest.mark.parametrize(
    "kind, name, part",
    [
        ("kl", "encoder.conv_in.weight", "encoder"),
        ("kl", "quant_conv.bias", "encoder"),
        ("kl", "post_quant_conv.bias", "decoder"),
        ("kl", "decoder.conv_out.weight", "decoder"),
        ("vq", "quantize.embedding.weight", "decoder"),
        ("tiny", "decoder.layers.0.weight", "decoder"),
    ],
)
def test_one_changed_weight_is_another_autoencoder(kind, name, part) -> None:
    with tiny_autoencoders.seeded(0):
        network = tiny_autoencoders.AUTOENCODERS[kind]().eval()
    autoencoder = as_autoencoder(network, True)
    before, numbers = fingerprints(autoencoder), sketches(autoencoder)
    with torch.no_grad():
        network.state_dict()[name].view(-1)[0] += 0.02
    expected = [part == "encoder", part == "decoder"]
    assert [old != new for old, new in zip(before, fingerprints(autoencoder), strict=True)] == expected
    assert [not are_equal(*pair) for pair in zip(numbers, sketches(autoencoder), strict=True)] == expected


def test_weights_of_another_shape_are_another_autoencoder() -> None:
    first, second = ({"weight": torch.ones(shape)} for shape in [(2, 3), (3, 2)])
    assert fingerprint(first) != fingerprint(second)
    assert not are_equal(sketch(first), sketch(second))


def test_an_autoencoder_is_identified_with_its_origin(tmp_path) -> None:
    network = tiny_autoencoders.tiny_movq()
    network.save_pretrained(tmp_path / "model/movq")
    needs = [{"folder": str(tmp_path / "model"), "key": "models.m"}, {"folder": str(tmp_path / "prior"), "key": "p"}]
    answers = [{"repository": f"someone/{name}", "commit": f"{name}0123", "files": {}} for name in ("model", "prior")]
    fetch(list(zip(needs, answers, strict=True)), tmp_path / "model.json")
    loading = {"folder": str(tmp_path / "model"), "subfolder": None, "trusted_pickle": False}
    for manifest, origin in [("model.json", ("someone/model", "model0123")), ("model", ("", ""))]:
        identify_autoencoder("m", loading, str(tmp_path / manifest), str(tmp_path / "t.parquet"), "k", False)
        table = read_table(tmp_path / "t.parquet", "fingerprints")
        [found] = table.fillna({"repository": "", "revision": ""}).to_dict("records")
        assert (found["autoencoder"], found["class"]) == ("m", "VQModel")
        assert (found["repository"], found["revision"]) == origin
        expected = fingerprints(as_autoencoder(network.eval(), False))
        assert [found["encoder_sha256"], found["decoder_sha256"]] == expected
        assert (found["latent_channels"], found["factor"]) == (4, 2)
        assert found["parameters"] == network.num_parameters()


def row(name: str, encoder: str, decoder: str) -> dict[str, object]:
    origin = {"repository": None, "revision": None}
    sizes = {"parameters": 5, "latent_channels": 4, "factor": 8}
    weights = {"encoder": {encoder: torch.arange(9.0)}, "decoder": {decoder: torch.arange(9.0)}}
    prints = {f"{part}_sha256": fingerprint(tensors) for part, tensors in weights.items()}
    prints |= {f"{part}_sketch": sketch(tensors) for part, tensors in weights.items()}
    return {"autoencoder": name, "class": "X"} | prints | origin | sizes


def test_families_are_named_by_their_first_member_and_shared_encoders_are_told(tmp_path) -> None:
    rows = [row("b", "E", "D"), row("c", "E", "other"), row("a", "E", "D"), row("d", "other", "D")]
    write_table(tmp_path / "t.parquet", "autoencoders", assign_families(pd.DataFrame(rows)), {})
    table = read_table(tmp_path / "t.parquet", "autoencoders").set_index("autoencoder")
    assert table["family"].to_dict() == {"b": "b", "c": "c", "a": "b", "d": "d"}
    assert {name: list(others) for name, others in table["shares_encoder_with"].items()} == {
        "b": ["c"],
        "c": ["b"],
        "a": ["c"],
        "d": [],
    }
    assert members(table.reset_index()) == {"b": ["b", "a"], "c": ["c"], "d": ["d"]}


def test_a_family_has_one_significance_level() -> None:
    alphas = {"a": 0.05, "b": 0.01, "c": 0.05}
    assert family_alphas(alphas, {"a": ["a", "c"], "b": ["b"]}) == {"a": 0.05, "b": 0.01}
    with pytest.raises(UserError, match="a, b have the same weights.*significance_levels"):
        family_alphas(alphas, {"a": ["a", "b"], "c": ["c"]})
