"""Whole numbers as single tokens whose embeddings lie on a curve: 41 beside 40 and 42.

Qwen writes a number digit by digit. A model with random weights must then learn what a place value
is before it can learn where anything is. For the tiny model a coordinate may be one token instead,
and neighbouring numbers may start as neighbours: the embedding of n is made of sines and cosines
of n, as in the position encoding of "Attention Is All You Need" (arXiv 1706.03762). Output and
input embeddings are tied, so a nearly right number is also nearly likely.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

ONE_DIGIT, UP_TO_THREE = r"\p{N}", r"\p{N}{1,3}"

SHORTEST_WAVE = 12.0
LONGEST_WAVE = 800.0
"""Wave lengths, in units of the number, of the fastest and the slowest sine."""


def with_whole_numbers(tokenizer: Tokenizer, *, limit: int) -> Tokenizer:
    """The same byte-level BPE tokenizer with one token for each of 10 to `limit - 1`.

    Larger numbers are written in pieces, so nothing is lost. The digits 0 to 9 are tokens anyway.

    Args:
        tokenizer: A byte-level BPE tokenizer whose first pre-tokenizer splits at a regular
            expression that lets digits stand alone (`ONE_DIGIT`); now up to three stay together.
        limit: At most 1000.
    """
    assert 10 <= limit <= 1000, limit
    state: dict[str, Any] = json.loads(tokenizer.to_str())
    vocabulary: dict[str, int] = state["model"]["vocab"]
    pairs: list[list[str]] = []
    for number in range(10, limit):
        text = str(number)
        vocabulary.setdefault(text, len(vocabulary))
        pairs.append([text[:-1], text[-1]])
        # Of 3-2-1 the pair 2-1 may be joined first, so both ways must lead to 321.
        if number >= 100 and text[1] != "0":
            pairs.append([text[0], text[1:]])
    state["model"]["merges"] = pairs + state["model"]["merges"]
    split = state["pre_tokenizer"]["pretokenizers"][0]["pattern"]
    assert split["Regex"].startswith(ONE_DIGIT + "|"), split
    split["Regex"] = split["Regex"].replace(ONE_DIGIT, UP_TO_THREE, 1)
    return Tokenizer.from_str(json.dumps(state))


def curve_embeddings(num_numbers: int, *, width: int, scale: float) -> torch.Tensor:
    """Embeddings of 0 to `num_numbers - 1` on a smooth curve.

    Args:
        num_numbers: How many.
        width: Of an embedding; even.
        scale: Root mean square of its channels.

    Returns:
        float32 [num_numbers, width].
    """
    low, high = math.log10(SHORTEST_WAVE), math.log10(LONGEST_WAVE)
    frequencies = 2 * math.pi / np.logspace(low, high, width // 2)
    angles = np.arange(num_numbers)[:, None] * frequencies
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return torch.from_numpy((scale * math.sqrt(2) * waves).astype(np.float32))
