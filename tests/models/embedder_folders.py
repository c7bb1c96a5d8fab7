"""Embedders of random weights in the layout of sentence-transformers, made on the spot."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
)

TEXT = "the robot picks up a red mug cup and puts it on table left of blue plate"
WORDS = TEXT.split()
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "[MASK]"]


def write_folder(folder: Path, *, kind: str, pooling: str | None, limit: int = 64) -> Path:
    """A folder of random weights in the layout of MiniLM (bert) or BCE-base (xlm-roberta)."""
    folder.mkdir(parents=True)
    vocabulary = {word: place for place, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        unk_token="<unk>", cls_token="<s>", sep_token="</s>",
    ).save_pretrained(folder)  # fmt: skip
    shape = {
        "vocab_size": len(vocabulary), "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 80,
        "pad_token_id": 1,
    }  # fmt: skip
    torch.manual_seed(3)
    model = (
        BertModel(BertConfig(**shape))
        if kind == "bert"
        else XLMRobertaModel(XLMRobertaConfig(**shape))
    )
    model.save_pretrained(folder)
    if pooling is None:
        return folder
    path = "sentence_transformers.models."
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    (folder / "modules.json").write_text(
        json.dumps(
            [
                {"idx": index, "name": str(index), "path": place, "type": path + name}
                for index, (place, name) in enumerate(modules)
            ]
        )
    )
    (folder / "1_Pooling").mkdir()
    flags = {f"pooling_mode_{name}": name == pooling for name in ("cls_token", "mean_tokens")}
    (folder / "1_Pooling/config.json").write_text(
        json.dumps({"word_embedding_dimension": 32, "pooling_mode_max_tokens": False, **flags})
    )
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": limit}))
    return folder
