"""Arrow columns as NumPy arrays, and hashes of their cells."""

from __future__ import annotations

import hashlib
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from roboloop.curate.kernels import Bytes, Hashes, Offsets, ordered_hashes

WORDED = ("text", "plan")
"""Kinds of answers that are words."""


class TextBytes(NamedTuple):
    """All bytes of some texts in UTF-8, and where each text begins, with a last one for the end."""

    data: Bytes
    offsets: Offsets


class NumberLists(NamedTuple):
    """A column of lists: all values, and where each row's begin, with a last one for the end."""

    values: Any
    offsets: Offsets


def arrow_compute() -> Any:
    """`pyarrow.compute`, whose functions are made at run time and so unknown to type checkers."""
    return import_module("pyarrow.compute")


def is_worded(facts: Any) -> Any:
    """Bool for each row of facts: whether its answer is words."""
    import pyarrow as pa

    return arrow_compute().is_in(facts["answer_kind"], value_set=pa.array(WORDED))


def take_rows(table: Any, rows: Offsets) -> Any:
    """Some rows of a table, given in ascending order; only those are read from the file."""
    import pyarrow as pa

    batches: list[Any] = []
    start = 0
    for batch in table.to_batches():
        low, high = np.searchsorted(rows, [start, start + batch.num_rows])
        if high > low:
            batches.append(batch.take(pa.array(rows[low:high] - start)))
        start += batch.num_rows
    return pa.Table.from_batches(batches, schema=table.schema).combine_chunks()


def distinct(keys: Any) -> Any:
    """The different numbers of an array, sorted.

    `np.unique` hashes whole numbers since NumPy 2.3, which takes many times as long as sorting.
    """
    keys = np.sort(keys)
    is_new = np.ones(len(keys), dtype=np.bool_)
    is_new[1:] = keys[1:] != keys[:-1]
    return keys[is_new]


def text_bytes(texts: Any) -> TextBytes:
    """The bytes of an Arrow array of texts."""
    _, bounds, data = texts.buffers()
    stop = texts.offset + len(texts) + 1
    offsets = np.frombuffer(bounds, dtype=np.int32)[texts.offset : stop].astype(np.int64)
    flat = np.frombuffer(data or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
    return TextBytes(flat, offsets - offsets[0])


def number_lists(column: Any) -> NumberLists:
    """The values of a column of lists of numbers; nulls are empty lists."""
    pc = arrow_compute()

    counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    flat = pc.list_flatten(column)
    return NumberLists(flat.to_numpy(), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def byte_rows(column: Any) -> Bytes:
    """A column of binaries of one size as rows of bytes."""
    size = column.type.byte_width
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype=np.uint8)[
            chunk.offset * size : (chunk.offset + len(chunk)) * size
        ]
        for chunk in column.chunks
        if len(chunk)
    ]
    flat = np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint8)
    return flat.reshape(-1, size)


def as_binaries(rows: Any) -> Any:
    """Rows of bytes as an Arrow array of binaries of one size."""
    import pyarrow as pa

    flat = (
        np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), rows.shape[1] * rows.itemsize)
    )
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(flat.shape[1]), len(flat), [None, pa.py_buffer(flat)]
    )


def hash_texts(texts: Any) -> Hashes:
    """A hash of each text of an array; equal texts are hashed once."""
    encoded = texts.dictionary_encode()
    digests = b"".join(
        hashlib.blake2b(text.encode(), digest_size=8).digest()
        for text in encoded.dictionary.to_pylist()
    )
    return np.frombuffer(digests, dtype="<u8")[encoded.indices.to_numpy(zero_copy_only=False)]


def same_text_numbers(texts: Any) -> Hashes:
    """A number for each text of a column, the same for equal texts of this column only."""
    pc = arrow_compute()

    encoded = pc.dictionary_encode(texts).combine_chunks()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.uint64)


def hash_number_lists(lists: Any) -> Hashes:
    """A hash of each row of an array of lists of floats, of their very bits."""
    values, offsets = number_lists(lists)
    return ordered_hashes(values.astype(np.float64).view(np.uint64) + np.uint64(1), offsets=offsets)
