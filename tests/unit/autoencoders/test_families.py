"""Families go by the content of weights: not by file, format or half precision, and down to a single weight."""

import copy
import warnings
from pathlib import Path

import diffusers
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny_autoencoders
from aedr.autoencoders.families import assign_families, family_alphas, fingerprint, members
from aedr.autoencoders.loading import load_autoencoder
from aedr.errors import UserError
from aedr.tables.files import read_table, write_table
from aedr.weights.repositories import fetch
from identify_autoencoder import identify_autoencoder


def saved_fingerprint(network: diffusers.ModelMixin, folder: Path, pickled: bool = False) -> tuple[str, str]:
    network.save_pretrained(folder, safe_serialization=not pickled)
    return fingerprint(load_autoencoder(folder, "float32", torch.device("cpu"), trusted_pickle=pickled).network)


@pytest.mark.parametrize("kind", tiny_autoencoders.AUTOENCODERS)
def test_the_same_weights_in_another_file_or_in_half_precision_are_one_family(kind, tmp_path) -> None:
    network = tiny_autoencoders.AUTOENCODERS[kind]()
    plain = saved_fingerprint(network, tmp_path / "plain")
    assert plain[0] != plain[1]
    assert saved_fingerprint(network, tmp_path / "pickled", pickled=True) == plain
    assert saved_fingerprint(copy.deepcopy(network).half(), tmp_path / "half") == plain
    # What bfloat16 cuts off decodes to other pixels.
    bfloat16 = saved_fingerprint(copy.deepcopy(network).bfloat16(), tmp_path / "bfloat16")
    assert bfloat16[0] != plain[0] and bfloat16[1] != plain[1]
    other = saved_fingerprint(tiny_autoencoders.AUTOENCODERS[kind](), tmp_path / "other")
    assert other[0] != plain[0] and other[1] != plain[1]


def test_attention_weights_under_their_old_names_are_the_same(tmp_path) -> None:
    network = tiny_autoencoders.tiny_autoencoder_kl()
    plain = saved_fingerprint(network, tmp_path)
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
        loaded = load_autoencoder(tmp_path, "float32", torch.device("cpu")).network
    assert fingerprint(loaded) == plain


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
    network = tiny_autoencoders.AUTOENCODERS[kind]()
    before = fingerprint(network)
    with torch.no_grad():
        network.state_dict()[name].view(-1)[0] += 0.01
    changed = [old != new for old, new in zip(before, fingerprint(network), strict=True)]
    assert changed == [part == "encoder", part == "decoder"]


def test_weights_of_another_shape_are_another_autoencoder() -> None:
    def network(*shape: int) -> torch.nn.Module:
        module = torch.nn.Module()
        module.encoder = torch.nn.Module()
        module.encoder.register_buffer("weight", torch.ones(shape))
        return module

    assert fingerprint(network(2, 3)) != fingerprint(network(3, 2))


def test_an_autoencoder_is_identified_with_its_origin(tmp_path) -> None:
    network = tiny_autoencoders.tiny_movq()
    network.save_pretrained(tmp_path / "model/movq")
    needs = [{"folder": str(tmp_path / "model"), "key": "models.m"}, {"folder": str(tmp_path / "prior"), "key": "p"}]
    answers = [{"repository": f"someone/{name}", "commit": f"{name}0123", "files": {}} for name in ("model", "prior")]
    fetch(list(zip(needs, answers, strict=True)), tmp_path / "model.json")
    loading = {"folder": str(tmp_path / "model"), "subfolder": None, "trusted_pickle": False}
    for manifest, origin in [("model.json", ("someone/model", "model0123")), ("model", ("", ""))]:
        identify_autoencoder("m", loading, str(tmp_path / manifest), str(tmp_path / "t.parquet"))
        table = read_table(tmp_path / "t.parquet", "fingerprints")
        [found] = table.fillna({"repository": "", "revision": ""}).to_dict("records")
        assert (found["autoencoder"], found["class"]) == ("m", "VQModel")
        assert (found["repository"], found["revision"]) == origin
        assert (found["encoder_sha256"], found["decoder_sha256"]) == fingerprint(network)
        assert (found["latent_channels"], found["factor"]) == (4, 2)
        assert found["parameters"] == network.num_parameters()


def row(name: str, encoder: str, decoder: str) -> dict[str, object]:
    origin = {"repository": None, "revision": None}
    sizes = {"parameters": 5, "latent_channels": 4, "factor": 8}
    return {"autoencoder": name, "class": "X", "encoder_sha256": encoder, "decoder_sha256": decoder} | origin | sizes


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
