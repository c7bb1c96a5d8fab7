"""Pickled data out of RoboInter's files, without running foreign code.

Its LMDB values and `meta_info.pkl` are pickles. A pickle can call any function it names, so only
the few names with which numpy writes arrays and numbers are known here, and each stands for a
harmless stand-in of ours: what comes out is numbers, text, bytes, lists, tuples, dicts, sets and
numpy arrays of numbers or text. Everything else is refused.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from roboloop.base.errors import RoboLoopError

MAX_DIMENSIONS = 8
_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC_MODULES = ("numpy.core.numeric", "numpy._core.numeric")
_PLAIN_DTYPE = re.compile(
    r"[<>=|]?(?:\?|B|bool|b1|[iu][1248]|u?int(?:8|16|32|64)|f[248]|float(?:16|32|64)|[SU]\d{1,6})"
)
"""Names of numbers and of text of fixed width: nothing that holds a Python object."""

_PUT, _LONG_BINPUT, _TWO_LINES = pickle.PUT[0], pickle.LONG_BINPUT[0], pickle.GLOBAL + pickle.INST
_LENGTH_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
"""How many bytes say how long an argument is."""
_UNKNOWN_OPCODE = -99
_ARGUMENT_BYTES = [_UNKNOWN_OPCODE] * 256
for _opcode in pickletools.opcodes:
    _ARGUMENT_BYTES[ord(_opcode.code)] = 0 if _opcode.arg is None else _opcode.arg.n


def unpickled(value: bytes) -> Any:
    """The plain data in a pickle.

    Raises:
        RoboLoopError: E-DAT-004 when it is no whole pickle, holds anything but plain data, or names
            code to run.
    """
    return _plain(value, wrapped=False)


def unwrapped(value: bytes) -> Any:
    """The plain data that `numpy.save` wrapped in an array of objects and pickled.

    Of an array without sides it is the one item, else the list of them.

    Raises:
        RoboLoopError: E-DAT-004 as `unpickled`, and when the pickle is no such array.
    """
    return _plain(value, wrapped=True)


def unpickled_bytes(value: bytes) -> bytes:
    """The encoded picture in a pickle of `bytes` or of a flat uint8 array.

    Raises:
        RoboLoopError: E-MED-003 when the pickle is anything else.
    """
    try:
        found = unpickled(value)
    except RoboLoopError as error:
        raise RoboLoopError("E-MED-003", f"its LMDB value: {error.detail}") from error
    if isinstance(found, np.ndarray):
        array = cast("NDArray[Any]", found)
        if array.dtype == np.uint8 and array.ndim == 1:
            return array.tobytes()
    if isinstance(found, (bytes, bytearray)):
        return bytes(found)
    raise RoboLoopError(
        "E-MED-003", f"its LMDB value holds {type(found).__name__}, not encoded picture bytes"
    )


def _plain(value: bytes, *, wrapped: bool) -> Any:
    try:
        _check_claims(value)
        reader = _Reader(io.BytesIO(value))
        found = reader.load()
        if wrapped:
            if not isinstance(found, _Array) or found.items is None:
                raise _refused("no array of objects")
            items = _settled(found.items, {})
            return items[0] if found.is_single else items
        return _settled(found, {}) if reader.knows_names else found
    except RoboLoopError:
        raise
    except Exception as error:  # hostile bytes may raise anything; all of it means one thing
        raise RoboLoopError("E-DAT-004", f"it is no whole pickle: {error}") from error


def _check_claims(value: bytes) -> None:
    """Refuse a pickle that makes the reader reserve more memory than its own length warrants.

    The reader keeps a table as long as the highest place that a PUT names, so five bytes could
    claim gigabytes. Opcodes are skipped as the reader skips them; what is broken it finds itself.
    """
    end, at = len(value), 0
    while at < end:
        opcode = value[at]
        num_bytes = _ARGUMENT_BYTES[opcode]
        at += 1
        if num_bytes >= 0:
            if opcode == _LONG_BINPUT and int.from_bytes(value[at : at + 4], "little") > end:
                raise _refused("a place beyond its own length in the reader's memory")
            at += num_bytes
        elif num_bytes == pickletools.UP_TO_NEWLINE:
            for _ in range(2 if opcode in _TWO_LINES else 1):
                stop = value.find(b"\n", at)
                if stop < 0:
                    return
                if opcode == _PUT and stop - at > len(str(end)):
                    raise _refused("a place beyond its own length in the reader's memory")
                at = stop + 1
        elif num_bytes in _LENGTH_BYTES:
            width = _LENGTH_BYTES[num_bytes]
            at += width + int.from_bytes(value[at : at + width], "little")
        else:
            return


def _refused(what: str) -> RoboLoopError:
    return RoboLoopError("E-DAT-004", f"the pickle asks for {what}, which is refused")


class _Dtype:
    """Stands for numpy.dtype: numbers and text of fixed width."""

    def __init__(self, name: object, *_flags: object) -> None:
        self.is_object = name in ("O", "O8")
        if self.is_object:
            self.dtype = np.dtype(object)
            return
        if not isinstance(name, str) or not _PLAIN_DTYPE.fullmatch(name):
            raise _refused(f"an array of {name!r}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, order, subtype, names, fields = state[:5]
        if subtype is not None or names is not None or fields is not None:
            raise _refused("an array of structures")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """Stands for numpy.ndarray until the whole pickle is read."""

    array: NDArray[Any] | None = None
    items: list[Any] | None = None
    is_single = False

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, dtype, is_fortran, data = state
        if isinstance(dtype, _Dtype) and dtype.is_object:
            sides = _sides(shape)
            if not isinstance(data, list) or len(sides) > 1 or len(data) != math.prod(sides):
                raise _refused(f"an array of objects of shape {sides}")
            self.items, self.is_single = data, not sides
            return
        self.array = _filled(data, shape=shape, dtype=dtype, order="F" if is_fortran else "C")


def _reconstruct(_kind: object, _shape: object, _typecode: object) -> _Array:
    return _Array()


def _frombuffer(buffer: object, dtype: object, shape: object, order: object) -> _Array:
    made = _Array()
    made.array = _filled(buffer, shape=shape, dtype=dtype, order=order)
    return made


def _scalar(dtype: object, data: object) -> Any:
    return _filled(data, shape=(), dtype=dtype, order="C").item()


def _filled(data: object, *, shape: object, dtype: object, order: object) -> NDArray[Any]:
    """An array of the pickle's own bytes, which must be as many as its shape needs."""
    if not isinstance(dtype, _Dtype) or dtype.is_object or not isinstance(data, bytes | bytearray):
        raise _refused("an array that is not made of bytes")
    sides = _sides(shape)
    if len(data) != math.prod(sides) * dtype.dtype.itemsize:
        raise _refused(f"an array of shape {sides} made of {len(data):,} bytes")
    if not data:  # no elements: a huge side beside a 0 must not become a huge list
        return np.empty(0, dtype=dtype.dtype)
    flat = np.frombuffer(bytes(data), dtype=dtype.dtype)
    return flat.reshape(sides, order="F" if order == "F" else "C")


def _sides(shape: object) -> tuple[int, ...]:
    sides: Any = shape
    if not isinstance(sides, tuple) or len(cast("tuple[Any, ...]", sides)) > MAX_DIMENSIONS:
        raise _refused("an array without a shape")
    if not all(type(side) is int and side >= 0 for side in cast("tuple[Any, ...]", sides)):
        raise _refused("an array without a shape")
    return cast("tuple[int, ...]", sides)


def _encode(text: object, encoding: object) -> bytes:
    """Stands for _codecs.encode, with which old protocols write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise _refused(f"the codec {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """Stands for bytes(), with which old protocols write b""."""
    return b""


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
    **{(module, "bytes"): _no_bytes for module in ("builtins", "__builtin__")},
    **{(module, "_reconstruct"): _reconstruct for module in _ARRAY_MODULES},
    **{(module, "scalar"): _scalar for module in _ARRAY_MODULES},
    **{(module, "_frombuffer"): _frombuffer for module in _NUMERIC_MODULES},
}


class _Reader(pickle.Unpickler):
    """An unpickler that knows the names above and nothing else."""

    knows_names = False

    def find_class(self, module_name: str, global_name: str) -> Any:
        found = _KNOWN.get((module_name, global_name))
        if found is None:
            raise _refused(f"{module_name}.{global_name}")
        self.knows_names = True
        return found


def _settled(value: Any, done: dict[int, Any]) -> Any:
    """The value with arrays in place of their stand-ins; each shared part is visited once.

    Nothing that a name stood for may be left: not a stand-in, not a function.
    """
    if id(value) in done:
        return done[id(value)]
    match value:
        case _Array(items=list()):
            raise _refused("an array of objects")
        case _Array():
            if value.array is None:
                raise _refused("an array without content")
            return value.array
        case list():
            items = cast("list[Any]", value)
            done[id(value)] = items
            items[:] = [_settled(item, done) for item in items]
        case dict():
            entries = cast("dict[Any, Any]", value)
            done[id(value)] = entries
            for key in entries:
                _settled(key, done)
                entries[key] = _settled(entries[key], done)
        case tuple():
            parts = cast("tuple[Any, ...]", value)
            done[id(value)] = tuple(_settled(part, done) for part in parts)
        case set() | frozenset():
            for item in cast("set[Any]", value):
                _settled(item, done)
            return value
        case None | bool() | int() | float() | str() | bytes() | bytearray() | np.ndarray():
            return value
        case _:
            raise _refused(f"a {type(value).__name__} as a value")
    return done[id(value)]
