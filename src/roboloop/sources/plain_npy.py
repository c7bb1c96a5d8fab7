"""`.npy` files out of data sets: arrays of numbers, or plain data that was saved as an object.

`numpy.save` pickles what is no array of numbers, such as RH20T's dicts; that pickle is read by
`records.plain_pickles`, which runs nothing.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.plain_pickles import unwrapped

MAX_BYTES = 1 << 29


def read_npy(file: Path) -> Any:
    """The array of numbers, or the plain data, in a `.npy` file.

    Raises:
        RoboLoopError: E-DAT-001 when it cannot be read, E-DAT-004 when it is cut off, larger than
            512 MiB, or holds anything else.
    """
    place = Place(file)
    try:
        num_bytes = file.stat().st_size
        data = file.read_bytes() if num_bytes <= MAX_BYTES else b""
    except OSError as error:
        raise RoboLoopError("E-DAT-001", f"cannot be read: {error}", place=place) from error
    if num_bytes > MAX_BYTES:
        raise RoboLoopError("E-DAT-004", "the file is larger than 512 MiB", place=place)
    try:
        start = _start_of_pickle(data)
        if start is not None:
            return unwrapped(data[start:])
        return np.load(io.BytesIO(data), allow_pickle=False)
    except RoboLoopError as error:
        raise error.located(place) from None
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise RoboLoopError("E-DAT-004", f"no whole .npy file: {error}", place=place) from error


def _start_of_pickle(data: bytes) -> int | None:
    """Where the pickle of an object begins; None when the file holds numbers."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header: Any = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"version {version} is not known")
    _shape, _is_fortran, dtype = read_header(stream)
    return stream.tell() if dtype.hasobject else None
