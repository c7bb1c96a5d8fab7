"""A real Qwen2.5-VL of about a million weights, made on the spot and saved as an ordinary folder.

It is Hugging Face's own class under Qwen's own special tokens and chat template, so everything
that works with it works with Qwen2.5-VL-7B. Its shape is what learns to localise within minutes
on one CPU core: rotary base 100 in place of a million (few positions, so neighbours must differ),
the axes of the rotary embedding dealt out in turn so that each sees high and low frequencies,
weights drawn three times wider than usual with queries and keys twice wider still, small patches,
and numbers as whole tokens (`models.numbers`; docs/design/0005-tiny-model.md has the figures).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import PreTrainedModel

from roboloop.base.files import atomic_write_json, atomic_write_text
from roboloop.models.folders import folder_replaced, save_weights
from roboloop.models.numbers import curve_embeddings, with_whole_numbers
from roboloop.models.parts import FAMILIES, QWEN_SYSTEM
from roboloop.models.tiny_shape import MERGE_SIZE, WEIGHT_SCALE, Family, TinyShape, new_model

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
"""Qwen's, in Qwen's order; here they come first, so an id is a place in this tuple."""

WORDS = r"\p{N}| ?[\p{L}\p{M}_]+|(?: ?[^\s\p{L}\p{M}\p{N}_])+ ?|\s+"
"""What tokens may span: one digit, a word or JSON key, a run of punctuation with its spaces.

So `": [` and `, ` are one token, and no number is learnt by chance: either digits stand alone, as
in Qwen, or all numbers up to a limit are tokens (`models.numbers`).
"""

CHAT_TEMPLATE = """\
{%- if messages and messages[0].role != 'system' -%}
{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif -%}
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' }}
{%- if message.content is string -%}
{{ message.content }}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'image' -%}
{{ '<|vision_start|><|image_pad|><|vision_end|>' }}
{%- elif part.type == 'video' -%}
{{ '<|vision_start|><|video_pad|><|vision_end|>' }}
{%- else -%}
{{ part.text }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}
{%- endif -%}
"""

CHAT_FRAME = (f"system\n{QWEN_SYSTEM}", "user\n", "assistant\n")
"""What stands between special tokens in every conversation."""

TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": None,
    "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>",
    "unk_token": None,
    "add_bos_token": False,
    "clean_up_tokenization_spaces": False,
    "model_max_length": 8192,
    "processor_class": "Qwen2_5_VLProcessor",
}

ATTENTION_SHARPNESS = 2.0
"""Queries and keys start this much larger: attention that is nearly uniform learns slowly."""
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""CLIP's mean and standard deviation of red, green and blue, as Qwen2.5-VL uses them."""


def build_tiny(
    out: Path,
    *,
    seed: int,
    texts: Iterable[str],
    width: int = 128,
    depth: int = 4,
    vision_width: int = 64,
    vision_depth: int = 2,
    patch_size: int = 8,
    max_vocabulary: int = 1024,
    whole_numbers: int = 400,
    family: Family = "qwen2_5_vl",
) -> Path:
    """Build the model in the folder `out`, which appears whole or not at all.

    Args:
        out: Folder to make; one that exists is replaced.
        seed: Names the random weights.
        texts: What the tokenizer learns its words from: questions and answers.
        width: Hidden size of the language model, a multiple of 32.
        depth: Its layers.
        vision_width: Hidden size of the vision tower, a multiple of 32.
        vision_depth: Its layers; each sees the whole picture.
        patch_size: Edge of a patch in pixels.
        max_vocabulary: Most tokens, bytes and special tokens included, numbers not.
        whole_numbers: Numbers below this are one token each; 0 keeps digits apart, as Qwen does.
        family: Whose class it is.

    Returns:
        `out`. The same arguments give the same bytes.
    """
    tokenizer = learn_tokenizer(
        _with_frames(texts), max_vocabulary=max_vocabulary, whole_numbers=whole_numbers
    )
    shape = TinyShape(
        vocab_size=-(-tokenizer.get_vocab_size() // 64) * 64,
        width=width,
        depth=depth,
        vision_width=vision_width,
        vision_depth=vision_depth,
        patch_size=patch_size,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = new_model(family, shape=shape, special={t: i for i, t in enumerate(SPECIAL_TOKENS)})
    _sharpen_attention(model)
    if whole_numbers:
        _lay_numbers_on_a_curve(model, tokenizer=tokenizer, num_numbers=whole_numbers)
    stops = [tokenizer.token_to_id("<|im_end|>"), tokenizer.token_to_id("<|endoftext|>")]
    model.generation_config.eos_token_id = stops
    with folder_replaced(out) as folder:
        save_weights(model, folder=folder)
        tokenizer.save(str(folder / "tokenizer.json"))
        atomic_write_json(folder / "tokenizer_config.json", value=TOKENIZER_CONFIG)
        template = (
            CHAT_TEMPLATE if FAMILIES[family] else CHAT_TEMPLATE.partition("{%- endif -%}\n")[2]
        )
        atomic_write_text(folder / "chat_template.jinja", text=template)
        atomic_write_json(folder / "preprocessor_config.json", value=_preprocessor(patch_size))
    return out


def learn_tokenizer(
    texts: Iterable[str], *, max_vocabulary: int, whole_numbers: int = 0
) -> Tokenizer:
    """A byte-level BPE tokenizer that has seen `texts` and can write anything."""
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=max_vocabulary,
        min_frequency=2,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer=trainer)
    return with_whole_numbers(tokenizer, limit=whole_numbers) if whole_numbers else tokenizer


def _with_frames(texts: Iterable[str]) -> Iterator[str]:
    """Each text, and the words that a chat puts around it, so that they become one token each."""
    for text in texts:
        yield text
        yield from CHAT_FRAME


def _sharpen_attention(model: PreTrainedModel) -> None:
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("q_proj.weight", "k_proj.weight")):
                weight.mul_(ATTENTION_SHARPNESS)


def _lay_numbers_on_a_curve(
    model: PreTrainedModel, *, tokenizer: Tokenizer, num_numbers: int
) -> None:
    places = [tokenizer.token_to_id(str(number)) for number in range(num_numbers)]
    layer: Any = model.get_input_embeddings()
    embeddings: torch.Tensor = layer.weight
    with torch.no_grad():
        embeddings[places] = curve_embeddings(
            num_numbers, width=embeddings.shape[1], scale=WEIGHT_SCALE
        )


def _preprocessor(patch_size: int) -> dict[str, Any]:
    area = (patch_size * MERGE_SIZE) ** 2
    return {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2_5_VLProcessor",
        "patch_size": patch_size,
        "merge_size": MERGE_SIZE,
        "temporal_patch_size": 2,
        "image_mean": list(MEAN),
        "image_std": list(STD),
        "min_pixels": 4 * area,
        "max_pixels": 1280 * area,
    }
