"""Tokenizers that older repositories hold as a SentencePiece model alone."""

import json
from pathlib import Path

import pytest
import sentencepiece
import transformers

TEXTS = ["a cat on a cup of coffee", "photo of an astronaut", "red blue green temple rocket"] * 20


def test_a_tokenizer_saved_as_spiece_model_alone_loads(tmp_path: Path) -> None:
    pytest.importorskip("google.protobuf", reason="requirements.txt installs protobuf")
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "texts.txt"),
        model_prefix=str(tmp_path / "spiece"),
        vocab_size=30,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
    )
    settings = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "model_max_length": 77}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = transformers.T5TokenizerFast.from_pretrained(tmp_path)
    expected = sentencepiece.SentencePieceProcessor(str(tmp_path / "spiece.model")).encode("a cat")
    assert tokenizer("a cat").input_ids == [*expected, 1]
