"""Content hashes: the same content gives the same name on any machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson

DIGEST_BYTES = 16
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
_PLAIN_VALUES = (
    orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
)


def hash_bytes(data: bytes) -> str:
    """BLAKE2b of `data` as 32 hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def hash_file(path: Path) -> str:
    """BLAKE2b of a file's bytes, read in pieces."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text.

    Raises:
        TypeError: For what JSON cannot hold.
        ValueError: For NaN and infinity.
    """
    text = _fast_json(value)
    return _CANONICAL.encode(value) if text is None else text.decode()


def canonical_json_bytes(value: Any) -> bytes:
    """`canonical_json` in UTF-8.

    Raises:
        TypeError: For what JSON cannot hold.
        ValueError: For NaN, infinity and half a surrogate pair (UnicodeEncodeError).
    """
    text = _fast_json(value)
    return _CANONICAL.encode(value).encode() if text is None else text


def hash_value(value: Any) -> str:
    """Hash of a JSON value, independent of key order."""
    return hash_bytes(canonical_json_bytes(value))


def _fast_json(value: Any) -> bytes | None:
    """The text as orjson writes it, five times faster; None for what is beyond it.

    That is whole numbers of more than 64 bits, keys that are no text, half surrogate pairs, and
    what JSON cannot hold. `json` writes or refuses these; numbers very near to or far from 0 it
    writes another way (1e-05 for 1e-5), so which of the two writes depends on the value alone.
    """
    try:
        text = orjson.dumps(value, option=_PLAIN_VALUES)
    except TypeError:
        return None
    if b"null" in text:  # orjson writes it for NaN, too
        _CANONICAL.encode(value)
    return text


def seeded_generator(*parts: object) -> np.random.Generator:
    """A random generator named by `parts`, such as a seed, a purpose and a record id.

    The stream depends on the parts alone, so it is the same on any number of workers.
    """
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def seeded_fraction(*parts: object) -> float:
    """One draw from 0 (included) to 1 (excluded), named by `parts` as `seeded_generator` is.

    Ten times cheaper than a generator, for draws that decide about each of a million entries.
    """
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) / (1 << 53)
