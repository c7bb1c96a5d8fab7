"""Words and letters of a column of texts, counted without a loop over its rows.

Texts of ASCII alone, the most of them, are counted byte by byte in NumPy; others by Arrow's regular
expressions, which know the scripts of Unicode.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from roboloop.curate.columns import text_bytes
from roboloop.curate.kernels import Bytes, Offsets

Counts = np.ndarray[Any, np.dtype[np.int32]]

_PICTOGRAM = r"\p{Han}\p{Hiragana}\p{Katakana}"
WORD = rf"[{_PICTOGRAM}]|[^\s{_PICTOGRAM}]+"
"""A word: what stands between spaces, or one sign of a script that has none."""

SCRIPTS = {"letters": r"\p{L}", "latin": r"\p{Latin}", "han": r"\p{Han}"}
"""Column -> the letters it counts."""

_IS_SPACE = np.isin(np.arange(256), list(b" \t\n\f\r"))
_IS_LETTER = np.isin(np.arange(256), [*range(65, 91), *range(97, 123)])


def count_words(texts: Any) -> Counts:
    """How many words each text of an Arrow array has."""

    def starts(data: Bytes, offsets: Offsets) -> Any:
        is_space = _IS_SPACE[data]
        after_space = np.r_[True, is_space[:-1]]
        after_space[offsets[:-1][offsets[:-1] < len(data)]] = True
        return ~is_space & after_space

    return _counted(texts, flags=starts, pattern=WORD)


def count_letters(texts: Any) -> dict[str, Counts]:
    """How many letters of each of `SCRIPTS` each text has."""

    def letters(data: Bytes, offsets: Offsets) -> Any:
        del offsets
        return _IS_LETTER[data]

    pc: Any = import_module("pyarrow.compute")
    latin = _counted(texts, flags=letters, pattern=SCRIPTS["latin"])
    if pc.all(pc.string_is_ascii(texts)).as_py():
        return {"letters": latin, "latin": latin, "han": np.zeros_like(latin)}
    both = _counted(texts, flags=letters, pattern=SCRIPTS["letters"])
    han = _counted(texts, flags=None, pattern=SCRIPTS["han"])
    return {"letters": both, "latin": latin, "han": han}


def _counted(texts: Any, *, flags: Callable[[Bytes, Offsets], Any] | None, pattern: str) -> Counts:
    """Counts of a pattern; in texts of ASCII alone, of the bytes that `flags` marks (or none)."""
    import pyarrow as pa

    pc: Any = import_module("pyarrow.compute")
    is_ascii = pc.string_is_ascii(texts).to_numpy(zero_copy_only=False)
    counts = np.zeros(len(texts), dtype=np.int32)
    if not is_ascii.all():
        others = texts.filter(pa.array(~is_ascii))
        counts[~is_ascii] = pc.count_substring_regex(others, pattern).to_numpy()
    if flags is not None and is_ascii.any():
        plain = texts if is_ascii.all() else texts.filter(pa.array(is_ascii))
        data, offsets = text_bytes(plain)
        counts[is_ascii] = _sums(flags(data, offsets), offsets)
    return counts


def _sums(flags: Any, offsets: Offsets) -> Counts:
    """How many flags are set between each offset and the next."""
    sums = np.zeros(len(offsets) - 1, dtype=np.int32)
    is_filled = offsets[1:] > offsets[:-1]  # between filled texts there is nothing
    if is_filled.any():
        starts = offsets[:-1][is_filled]
        sums[is_filled] = np.add.reduceat(
            flags[: offsets[-1]].view(np.uint8), starts, dtype=np.int32
        )
    return sums
