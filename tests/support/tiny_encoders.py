"""Tokenizers, and encoders of texts and pictures with random weights, that know a few words."""

import functools
import json
import string
import tempfile
from pathlib import Path

import transformers

SENTENCE = "a an the of on in and cat cup coffee rocket temple flower astronaut photo painting red blue green"
WORDS = SENTENCE.split()
TEXT_WIDTH = 32
TOKENS = 77


@functools.cache
def tiny_clip_tokenizer(pad: str = "<|endoftext|>") -> transformers.CLIPTokenizer:
    """A CLIP tokenizer that spells letter by letter, but knows `WORDS` whole."""
    letters = string.ascii_lowercase + string.digits + string.punctuation
    merges: list[str] = []
    for word in WORDS:
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > 1:
            merges.append(f"{pieces[0]} {pieces[1]}")
            pieces[:2] = [pieces[0] + pieces[1]]
    merges = list(dict.fromkeys(merges))
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(merge.replace(" ", "") for merge in merges)]
    tokens = list(dict.fromkeys([*tokens, "!", "<|startoftext|>", "<|endoftext|>"]))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
        Path(folder, "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
        # transformers 5 ignores both files unless they are loaded from a folder.
        return transformers.CLIPTokenizer.from_pretrained(folder, model_max_length=TOKENS, pad_token=pad)


@functools.cache
def tiny_t5_tokenizer() -> transformers.T5TokenizerFast:
    """A T5 tokenizer of `WORDS` and letters."""
    pieces = [f"▁{word}" for word in WORDS] + ["▁", *string.ascii_lowercase, ","]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary += [(piece, -float(number)) for number, piece in enumerate(dict.fromkeys(pieces), start=1)]
    return transformers.T5TokenizerFast(vocab=vocabulary, extra_ids=0, model_max_length=TOKENS)


@functools.cache
def tiny_xlm_roberta_tokenizer() -> transformers.XLMRobertaTokenizerFast:
    """An XLM-RoBERTa tokenizer of `WORDS` and letters."""
    pieces = [f"▁{word}" for word in WORDS] + ["▁", *string.ascii_lowercase, ","]
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary += [(piece, -float(number)) for number, piece in enumerate(dict.fromkeys(pieces), start=1)]
    vocabulary.append(("<mask>", 0.0))
    return transformers.XLMRobertaTokenizerFast(vocab=vocabulary, model_max_length=TOKENS)


def clip_text_config(**settings: object) -> transformers.CLIPTextConfig:
    tokenizer = tiny_clip_tokenizer()
    return transformers.CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        projection_dim=TEXT_WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **settings,
    )


def t5_encoder(width: int = TEXT_WIDTH) -> transformers.T5EncoderModel:
    return transformers.T5EncoderModel(
        transformers.T5Config(
            vocab_size=len(tiny_t5_tokenizer()), d_model=width, d_kv=8, d_ff=width, num_layers=1, num_heads=4
        )
    ).eval()


def vision_config() -> transformers.CLIPVisionConfig:
    return transformers.CLIPVisionConfig(
        hidden_size=TEXT_WIDTH,
        projection_dim=TEXT_WIDTH,
        intermediate_size=TEXT_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
    )


def image_processor() -> transformers.CLIPImageProcessor:
    return transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
