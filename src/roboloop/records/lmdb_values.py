"""Encoded pictures out of RoboInter's pickled LMDB values, without running foreign code.

A value is the pickle of `bytes` or of a one-dimensional uint8 numpy array. Pickle can call any
function it names, so only the few names numpy writes are known here, and each stands for a harmless
stand-in of ours: numpy itself is never called.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from roboloop.base.errors import RoboLoopError

_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC_MODULES = ("numpy.core.numeric", "numpy._core.numeric")
_BYTE_TYPES = ("u1", "uint8", "|u1", "B")


def unpickled_bytes(value: bytes) -> bytes:
    """The bytes in a pickled `bytes` or uint8 array.

    Raises:
        RoboLoopError: E-MED-003 when the value is anything else, or names code to run.
    """
    try:
        found = _Reader(io.BytesIO(value)).load()
    except RoboLoopError:
        raise
    except Exception as error:  # hostile bytes may raise anything; all of it means one thing
        raise RoboLoopError("E-MED-003", f"its LMDB value is no pickle: {error}") from error
    if isinstance(found, _Array):
        found = found.data
    if isinstance(found, (bytes, bytearray)):
        return bytes(found)
    raise RoboLoopError(
        "E-MED-003", f"its LMDB value holds {type(found).__name__}, not encoded picture bytes"
    )


class _Dtype:
    """Stands for numpy.dtype; anything but bytes is refused."""

    def __init__(self, name: object, *_flags: object) -> None:
        if name not in _BYTE_TYPES:
            raise RoboLoopError("E-MED-003", f"its LMDB value is an array of {name!r}, not uint8")

    def __setstate__(self, state: object) -> None:
        """Byte order and alignment mean nothing for bytes."""


class _Array:
    """Stands for numpy.ndarray: keeps the raw bytes of a flat array."""

    data: bytes | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, dtype, _fortran, data = state
        self.data = _flat(data, shape=shape, dtype=dtype)


def _reconstruct(_kind: object, _shape: object, _typecode: object) -> _Array:
    return _Array()


def _frombuffer(buffer: object, dtype: object, shape: object, _order: object) -> _Array:
    array = _Array()
    array.data = _flat(buffer, shape=shape, dtype=dtype)
    return array


def _flat(data: object, *, shape: object, dtype: object) -> bytes:
    if not isinstance(dtype, _Dtype) or not isinstance(data, (bytes, bytearray)):
        raise RoboLoopError("E-MED-003", "its LMDB value is not an array of bytes")
    if shape != (len(data),):
        raise RoboLoopError(
            "E-MED-003", f"its LMDB value is an array of shape {shape}, not encoded bytes"
        )
    return bytes(data)


def _encode(text: object, encoding: object) -> bytes:
    """Stands for _codecs.encode, with which old protocols write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise RoboLoopError("E-MED-003", f"its LMDB value asks for the codec {encoding!r}")
    return text.encode("latin1")


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    **{(module, "_reconstruct"): _reconstruct for module in _ARRAY_MODULES},
    **{(module, "_frombuffer"): _frombuffer for module in _NUMERIC_MODULES},
}


class _Reader(pickle.Unpickler):
    """An unpickler that knows the names above and nothing else."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        found = _KNOWN.get((module_name, global_name))
        if found is None:
            raise RoboLoopError(
                "E-MED-003",
                f"its LMDB value asks for {module_name}.{global_name}, which is refused",
            )
        return found
