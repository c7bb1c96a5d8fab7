"""Words and letters of a column of texts, counted without a loop over its rows.

Texts of ASCII alone, the most of them, are counted byte by byte by a kernel; others by Arrow's
regular expressions, which know the scripts of Unicode.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from roboloop.curate.columns import arrow_compute, text_bytes
from roboloop.curate.kernels import Counts, load_kernels

_PICTOGRAM = r"\p{Han}\p{Hiragana}\p{Katakana}"
WORD = rf"[{_PICTOGRAM}]|[^\s{_PICTOGRAM}]+"
"""A word: what stands between spaces, or one sign of a script that has none."""

SCRIPTS = {"letters": r"\p{L}", "latin": r"\p{Latin}", "han": r"\p{Han}"}
"""Name -> the letters it counts."""


class TextCounts(NamedTuple):
    """How many words each text has, and how many letters of each of `SCRIPTS`."""

    words: Counts
    letters: Counts
    latin: Counts
    han: Counts


def count_text(texts: Any) -> TextCounts:
    """The counts of each text of an Arrow array."""
    import pyarrow as pa

    pc = arrow_compute()
    is_ascii = pc.string_is_ascii(texts).to_numpy(zero_copy_only=False)
    counts = TextCounts(*np.zeros((4, len(texts)), dtype=np.int32))
    plain = texts if is_ascii.all() else texts.filter(pa.array(is_ascii))
    counted = load_kernels().ascii_counts(*text_bytes(plain))
    counts.words[is_ascii] = counted[:, 0]
    counts.letters[is_ascii] = counts.latin[is_ascii] = counted[:, 1]
    if not is_ascii.all():
        others = texts.filter(pa.array(~is_ascii))
        for column, pattern in zip(counts, (WORD, *SCRIPTS.values()), strict=True):
            column[~is_ascii] = pc.count_substring_regex(others, pattern).to_numpy()
    return counts
