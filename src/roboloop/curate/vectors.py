"""Vectors in Arrow columns: float16, null where a record has none."""

from __future__ import annotations

from typing import Any

import numpy as np

from roboloop.curate.base import Flags, Indices

HalfVectors = np.ndarray[Any, np.dtype[np.float16]]


def vector_column(vectors: Any, *, present: Flags) -> Any:
    """An Arrow array of the rows of `vectors` as bytes; null where not `present`."""
    import pyarrow as pa

    rows = np.ascontiguousarray(vectors[present].astype(np.float16))
    sizes = np.where(present, vectors.shape[1] * rows.itemsize, 0)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    valid = np.packbits(present, bitorder="little")
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(present),
        [pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(rows)],
    )  # fmt: skip


def vectors_at(column: Any, rows: Indices) -> HalfVectors:
    """The vectors of some rows, given in ascending order, [num_rows, num_dimensions].

    Zeros where there is none. Only those rows are read from the file.
    """
    import pyarrow as pa

    found: list[tuple[Indices, HalfVectors]] = []
    start = 0
    for chunk in column.chunks:
        low, high = np.searchsorted(rows, [start, start + len(chunk)])
        if high > low:
            taken = chunk.take(pa.array(rows[low:high] - start))
            present = np.flatnonzero(taken.is_valid().to_numpy(zero_copy_only=False))
            if len(present):
                _, bounds, data = taken.buffers()
                ends = np.frombuffer(bounds, dtype=np.int64)[taken.offset :][: len(taken) + 1]
                flat = np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[-1]]
                half = flat.view(np.float16).reshape(len(present), -1)
                found.append((low + present, half))
        start += len(chunk)
    num_dimensions = found[0][1].shape[1] if found else 0
    vectors = np.zeros((len(rows), num_dimensions), dtype=np.float16)
    for places, half in found:
        vectors[places] = half
    return vectors
