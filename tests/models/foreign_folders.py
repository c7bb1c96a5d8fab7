"""Tiny folders of other families: real classes of transformers with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken
from transformers import (
    GotOcr2ImageProcessorPil,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessorPil,
    LlavaOnevisionProcessor,
    PreTrainedTokenizerFast,
)

from roboloop.models.processor_model import without_videos
from roboloop.models.tiny import learn_tokenizer

EDGE, PATCH = 28, 14
TEXTS = [f"find the {word} cup [1, 2]" for word in ("red", "blue", "green")] * 3
MARKS = ("<img>", "</img>", "<IMG_CONTEXT>", "<image>", "<video>")
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for c in m.content %}"
    "{% if c.type == 'image' %}PICTURE\n{% else %}{{ c.text }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build_internvl(out: Path) -> Path:
    tokenizer = _tokenizer()
    pictures = GotOcr2ImageProcessorPil(
        size={"height": EDGE, "width": EDGE}, min_patches=1, max_patches=4, crop_to_patches=True
    )
    processor = without_videos(InternVLProcessor)(
        image_processor=pictures, tokenizer=tokenizer, image_seq_length=1,
        chat_template=TEMPLATE.replace("PICTURE", "<IMG_CONTEXT>"),
    )  # fmt: skip
    config = InternVLConfig(
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2, "image_size": [EDGE, EDGE], "patch_size": [PATCH, PATCH],
        },
        text_config=_text(tokenizer), image_token_id=tokenizer.context_image_token_id,
        image_seq_length=1, tie_word_embeddings=True,
    )  # fmt: skip
    return _saved(InternVLForConditionalGeneration(config), processor=processor, out=out)


def build_llava_onevision(out: Path) -> Path:
    tokenizer = _tokenizer()
    grids = [[EDGE, EDGE], [EDGE, 2 * EDGE], [2 * EDGE, EDGE], [2 * EDGE, 2 * EDGE]]
    pictures = LlavaOnevisionImageProcessorPil(
        size={"height": EDGE, "width": EDGE}, image_grid_pinpoints=grids
    )
    processor = without_videos(LlavaOnevisionProcessor)(
        image_processor=pictures, tokenizer=tokenizer, num_image_tokens=(EDGE // PATCH) ** 2,
        vision_feature_select_strategy="full",
        chat_template=TEMPLATE.replace("PICTURE", "<image>"),
    )  # fmt: skip
    config = LlavaOnevisionConfig(
        vision_config={
            "model_type": "siglip_vision_model", "hidden_size": 32, "intermediate_size": 64,
            "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": EDGE,
            "patch_size": PATCH, "vision_use_head": False,
        },
        text_config=_text(tokenizer), image_grid_pinpoints=grids,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"), tie_word_embeddings=True,
    )  # fmt: skip
    return _saved(LlavaOnevisionForConditionalGeneration(config), processor=processor, out=out)


BUILDERS = {"internvl": build_internvl, "llava_onevision": build_llava_onevision}


def _tokenizer() -> Any:
    learnt = learn_tokenizer(TEXTS, max_vocabulary=400)
    learnt.add_special_tokens([AddedToken(mark, special=True) for mark in MARKS])
    return PreTrainedTokenizerFast(
        tokenizer_object=learnt, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        extra_special_tokens={
            "start_image_token": "<img>", "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>", "video_token": "<video>",
        },
    )  # fmt: skip


def _text(tokenizer: Any) -> dict[str, Any]:
    return {
        "model_type": "qwen2", "vocab_size": len(tokenizer) + 16, "hidden_size": 32,
        "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "max_position_embeddings": 2048, "initializer_range": 0.2,
        "tie_word_embeddings": True, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None,
    }  # fmt: skip


def _saved(model: Any, *, processor: Any, out: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.2, generator=generator)
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.save_pretrained(out)
    processor.save_pretrained(out)
    return out
