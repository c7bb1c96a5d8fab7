"""Open archives, tables, stores and videos: each a class that reads one entry at random.

`opened` keeps the most recently used ones open, once for the whole process (LMDB allows no second
handle on one store), and afresh after a fork: file positions must not be shared with a parent.
"""

from __future__ import annotations

import bisect
import os
import tarfile
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

from roboloop.base.errors import MissingDependencyError, RoboLoopError
from roboloop.records.plain_pickles import unpickled_bytes
from roboloop.records.zip_reader import ZipReader

MAX_OPEN_CONTAINERS = 16
LMDB_FILE = "data.mdb"
"""The file in the folder of every LMDB store."""
MAX_ENCODED_BYTES = 512 * 2**20
"""An encoded picture larger than this is refused before it is read."""


class Container(ABC):
    """Something open that holds many pictures.

    Class attributes:
        closed_in_child: Whether a forked child must close its copy before it can open its own.
    """

    closed_in_child: ClassVar[bool] = False

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def close(self) -> None:
        """Let go of files and memory."""


AnyContainer = TypeVar("AnyContainer", bound=Container)


class ZipFolder(Container):
    """A zip archive, whole or in parts; `path` is the file that names it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._zip = ZipReader(path)

    def has(self, member: str) -> bool:
        """Whether there is a member of this name."""
        return self._zip.find(member) is not None

    def read(self, member: str) -> bytes:
        """The bytes of a member."""
        info = self._zip.find(member)
        if info is None:
            raise RoboLoopError("E-MED-007", f"the archive has no member {member!r}")
        _check_encoded_size(info.file_size)
        return self._zip.read(info)

    def close(self) -> None:
        """Close the archive."""
        self._zip.close()


class TarFolder(Container):
    """A plain tar archive: an index of its members is made once, then each read is one seek."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            with tarfile.open(path, "r:") as tar:
                self._spans = {
                    _plain_name(member.name): (member.offset_data, member.size)
                    for member in tar
                    if member.isreg() and not member.issparse()
                }
        except (tarfile.TarError, EOFError) as error:
            raise RoboLoopError("E-MED-008", f"not a whole, uncompressed tar: {error}") from error
        self._stream = path.open("rb")

    @property
    def members(self) -> Sequence[str]:
        """Names of the plain files, in the order of the archive."""
        return tuple(self._spans)

    def read(self, member: str) -> bytes:
        """The bytes of a member; of two with one name the later one, as tar does."""
        span = self._spans.get(_plain_name(member))
        if span is None:
            raise RoboLoopError("E-MED-007", f"the archive has no plain file {member!r}")
        return _span_of(self._stream.fileno(), offset=span[0], num_bytes=span[1])

    def close(self) -> None:
        """Close the archive."""
        self._stream.close()


class ParquetTable(Container):
    """A Parquet file; of each column the row group read last is kept."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self._file: Any = pq.ParquetFile(path)
        except pa.ArrowException as error:
            raise RoboLoopError("E-MED-008", f"not a whole Parquet file: {error}") from error
        metadata = self._file.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._starts = [sum(sizes[:group]) for group in range(len(sizes))]
        self._num_rows = sum(sizes)
        self._kept: tuple[int, str, Any] | None = None

    def read(self, column: str, *, row: int, item: int | None = None) -> bytes:
        """The bytes of a cell: a binary value, or the `bytes` of a `{bytes, path}` struct.

        With `item`, of that one in the cell's list.
        """
        if column not in self._file.schema_arrow.names:
            known = ", ".join(self._file.schema_arrow.names)
            raise RoboLoopError("E-MED-007", f"the table has no column {column!r}; it has {known}")
        if not 0 <= row < self._num_rows:
            raise RoboLoopError("E-MED-007", f"the table has rows 0 to {self._num_rows - 1}")
        group = bisect.bisect_right(self._starts, row) - 1
        if self._kept is None or self._kept[:2] != (group, column):
            self._kept = (group, column, self._column(group, column))
        cell = self._kept[2][row - self._starts[group]]
        value = cell.as_py() if item is None else _list_item(cell, item)
        if isinstance(value, dict):
            value = value.get("bytes")  # pyright: ignore[reportUnknownMemberType]
        if isinstance(value, bytes):
            return value
        raise RoboLoopError("E-MED-007", f"the cell holds {type(value).__name__}, not bytes")

    def _column(self, group: int, column: str) -> Any:
        import pyarrow as pa

        try:
            return self._file.read_row_group(group, columns=[column])[column]
        except (pa.ArrowException, OSError) as error:
            raise RoboLoopError("E-MED-003", f"row group {group} is damaged: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._kept = None
        self._file.close()


class LmdbStore(Container):
    """An LMDB store, named by its `data.mdb`: one episode's pictures, or many annotations."""

    closed_in_child = True  # LMDB allows one handle on a store, and a child inherits its parent's

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            import lmdb
        except ImportError:
            raise MissingDependencyError(
                "lmdb", purpose="reading LMDB stores", extra="media"
            ) from None
        try:
            self._store: Any = lmdb.open(
                str(path), subdir=False, readonly=True, lock=False, readahead=False, max_readers=1
            )
        except lmdb.Error as error:
            raise RoboLoopError("E-MED-008", f"not a readable LMDB store: {error}") from error
        self._broken: type[Exception] = lmdb.Error
        self._check_whole()

    def sorted_keys(self) -> Iterator[bytes]:
        """All keys, in the order of their bytes."""
        with self._named_damage(), self._store.begin() as transaction:
            yield from transaction.cursor().iternext(keys=True, values=False)

    def value(self, key: bytes) -> bytes | None:
        """What lies under `key`, None when there is nothing."""
        with self._named_damage(), self._store.begin() as transaction:
            return transaction.get(key)

    def picture(self, key: str) -> bytes:
        """The encoded picture under `key`, such as `primary_image/0007`."""
        value = self.value(key.encode())
        if value is None:
            raise RoboLoopError("E-MED-007", f"the store has no key {key!r}")
        return unpickled_bytes(value)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _check_whole(self) -> None:
        """A store that was cut off must not be read: its missing pages would end the process."""
        num_pages, page_bytes = self._store.info()["last_pgno"] + 1, self._store.stat()["psize"]
        num_bytes = self.path.stat().st_size
        if num_bytes < num_pages * page_bytes:
            self._store.close()
            raise RoboLoopError(
                "E-MED-008", f"the LMDB store has {num_bytes:,} of {num_pages * page_bytes:,} bytes"
            )

    @contextmanager
    def _named_damage(self) -> Generator[None]:
        try:
            yield
        except self._broken as error:
            raise RoboLoopError("E-MED-003", f"the LMDB store is damaged: {error}") from error


class _Held(NamedTuple):
    """An open container, and what its file was like when it was opened."""

    stamp: tuple[int, int, int]
    container: Container


class OpenContainers:
    """The containers open in this process, at most `MAX_OPEN_CONTAINERS` of them."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[Any, Path], _Held] = OrderedDict()
        self._lock = threading.RLock()
        self._abandoned: list[object] = []

    @contextmanager
    def use(self, kind: Callable[[Path], AnyContainer], path: Path) -> Generator[AnyContainer]:
        """The container at `path`, open, for this thread alone while the block runs.

        A file that was replaced since it was opened is opened anew.
        """
        status = path.stat()
        key, stamp = (kind, path), (status.st_ino, status.st_mtime_ns, status.st_size)
        with self._lock:
            held = self._held.get(key)
            if held is not None and held.stamp != stamp:
                self._held.pop(key).container.close()
                held = None
            if held is None:
                held = self._held[key] = _Held(stamp, kind(path))
            self._held.move_to_end(key)
            while len(self._held) > MAX_OPEN_CONTAINERS:
                self._held.popitem(last=False)[1].container.close()
            container: Any = held.container
            yield container

    def close_all(self) -> None:
        """Close everything, such as before a store is written to."""
        with self._lock:
            while self._held:
                self._held.popitem()[1].container.close()

    def forget_after_fork(self) -> None:
        """Start empty in a child; what the parent was in the midst of is left alone."""
        for held in self._held.values():
            if held.container.closed_in_child:
                held.container.close()
        self._abandoned.append(self._held)
        self._held = OrderedDict()
        self._lock = threading.RLock()


opened = OpenContainers()
os.register_at_fork(after_in_child=opened.forget_after_fork)


def read_span(path: Path, *, offset: int, num_bytes: int) -> bytes:
    """`num_bytes` bytes of a file from byte `offset`.

    Raises:
        RoboLoopError: E-MED-003 when the file ends before them, or they are too many.
    """
    if offset < 0 or num_bytes < 0:
        raise RoboLoopError("E-MED-007", f"no file has {num_bytes} bytes at byte {offset}")
    with path.open("rb") as stream:
        return _span_of(stream.fileno(), offset=offset, num_bytes=num_bytes)


def _span_of(descriptor: int, *, offset: int, num_bytes: int) -> bytes:
    _check_encoded_size(num_bytes)
    if offset + num_bytes > os.fstat(descriptor).st_size:
        raise RoboLoopError("E-MED-003", "the file ends before the picture does")
    return os.pread(descriptor, num_bytes, offset)


def _list_item(cell: Any, item: int) -> Any:
    """One value of a Parquet cell that holds a list; the others are not decoded."""
    num_items = len(cell.values or ()) if hasattr(cell, "values") else 0
    if not 0 <= item < num_items:
        raise RoboLoopError("E-MED-007", f"the cell has {num_items} items, none of number {item}")
    return cell.values[item].as_py()


def _plain_name(name: str) -> str:
    return name.removeprefix("./")


def _check_encoded_size(num_bytes: int) -> None:
    if num_bytes > MAX_ENCODED_BYTES:
        raise RoboLoopError("E-MED-003", f"{num_bytes:,} bytes are too many for one picture")
