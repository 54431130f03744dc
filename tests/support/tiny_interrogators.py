"""CLIP models and captioners with random weights, saved to a folder as open_clip and transformers read them."""

import json
from pathlib import Path

import open_clip
import torch
import transformers
from safetensors.torch import save_file

WORDS = ["cat", "dog", "a", "photo", "of", "red", "blue", "house", "tree", "sky", "by", "old", "small", "street"]


def save_tiny_clip(folder: Path, seed: int = 0, context_length: int = 77) -> Path:
    """Save a CLIP model of random weights for pictures of 32x32 pixels, with open_clip's own tokenizer."""
    config = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": context_length, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = open_clip.model.CLIP(**config)
        for weight in model.parameters():
            # open_clip's initial embeddings are so small that position, not the phrase, would decide every ranking.
            torch.nn.init.normal_(weight, std=0.3)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    return folder


def save_tiny_captioner(folder: Path, seed: int = 0) -> Path:
    """Save a BLIP of random weights, whose captions are words of WORDS and differ between pictures."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *WORDS]
    tokenizer = transformers.BertTokenizer(vocab={word: number for number, word in enumerate(vocabulary)})
    tokenizer.add_special_tokens({"additional_special_tokens": ["[DEC]"]})
    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    special = {"bos_token_id": 5, "pad_token_id": 0, "eos_token_id": 3, "sep_token_id": 3}
    config = transformers.BlipConfig(
        text_config={"vocab_size": len(vocabulary), "encoder_hidden_size": 32, **small, **special},
        vision_config={"image_size": 32, "patch_size": 8, **small},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.BlipForConditionalGeneration(config)
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.5)
    images = transformers.BlipImageProcessor(size={"height": 32, "width": 32})
    transformers.BlipProcessor(images, tokenizer).save_pretrained(folder)
    model.save_pretrained(folder)
    return folder
