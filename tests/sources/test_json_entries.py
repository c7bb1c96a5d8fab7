"""Entries of a large JSON list come out one by one; `json` and a line count are the oracle."""

from __future__ import annotations

import json
import pickle
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboloop.base.errors import RoboLoopError
from roboloop.records.jsonl import Broken, JsonLine
from roboloop.sources import json_borders, json_entries, json_list
from roboloop.sources.json_entries import entry_pieces, scan_entries, scan_piece

texts = st.text(st.characters(codec="utf-8"), max_size=20)
entries = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
objects = st.dictionaries(texts | st.just("}, {"), entries, max_size=4)


def scanned(path: Path) -> list[JsonLine]:
    found = list(scan_entries(path))
    assert all(isinstance(item, JsonLine) for item in found)
    return [item for item in found if isinstance(item, JsonLine)]


@settings(deadline=None)
@given(
    values=st.lists(entries, max_size=8),
    indent=st.sampled_from([None, 0, 2]),
    ascii_only=st.booleans(),
    chunk=st.sampled_from([1, 2, 7, 64, 1 << 20]),
)
def test_every_list_is_read_whole_whatever_the_chunks(
    values: list[Any], indent: int | None, ascii_only: bool, chunk: int
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_list, "CHUNK_CHARS", chunk)
        path = Path(name) / "data.json"
        text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
        path.write_text(text, encoding="utf-8")
        assert [item.value for item in scanned(path)] == values


def test_each_entry_knows_its_line(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    text = json.dumps([{"id": n, "text": "a\nb", "list": [1, 2]} for n in range(50)], indent=2)
    path.write_text(text.replace("\n", "\r\n"))
    lines = text.split("\n")
    for item in scanned(path):
        assert lines[(item.place.line or 0) - 1].strip() == "{"
        assert lines[item.place.line or 0].strip() == f'"id": {item.value["id"]},'


def test_lines_are_read_too_under_either_name(tmp_path: Path) -> None:
    for name in ("data.jsonl", "data.json"):
        (tmp_path / name).write_text('\n{"a": 1}\n{"a": 2}\n')
        assert [item.place.line for item in scanned(tmp_path / name)] == [2, 3]


def test_bad_entry_of_a_list_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(
        b'[\n{"id": "a"},\n{"id": "b", "x": [1, NaN]},\n{"id": "c", "x": "\xff"},\n{"id": "d"}\n]\n'
    )
    first, nan, bytes_, last = scan_entries(path)
    assert isinstance(first, JsonLine) and isinstance(last, JsonLine)
    assert last.place.line == 5
    assert isinstance(nan, Broken) and isinstance(bytes_, Broken)
    assert (nan.error.code, nan.error.place.line, nan.error.place.record_id) == (
        "E-REC-010",
        3,
        "b",
    )
    assert (bytes_.error.code, bytes_.error.place.line) == ("E-REC-001", 4)


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "whole"),
    [
        ('[\n{"a": 1},\n{"a": 2,}\n]', "E-REC-001", 3, 9, 1),
        ('[{"a": 1} {"a": 2}]', "E-REC-001", 1, None, 1),
        ("[{'a': 1}]", "E-REC-001", 1, 3, 0),
        ('[{"a": 1},]', "E-REC-001", 1, 11, 1),
        ('[{"a": 1}]\n[{"a": 2}]', "E-REC-001", 2, None, 1),
        ('[{"a": 1},\n{"a": "long te', "E-REC-014", 2, None, 1),
        ('[{"a": 1},\n{"a": [1, 2', "E-REC-014", 2, None, 1),
        ('[{"a": 1},\n', "E-REC-014", 2, None, 1),
        ('[{"a": 1}\n', "E-REC-014", 2, None, 1),
        ("[", "E-REC-014", 1, None, 0),
        ("[" + "[" * 99_999, "E-REC-001", 1, None, 0),
        ("[" + "9" * 9_999 + "]", "E-REC-001", 1, None, 0),
    ],
)
@pytest.mark.parametrize("chunk", [3, 1 << 20])
def test_broken_syntax_stops_with_its_place(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    code: str,
    line: int,
    column: int | None,
    whole: int,
    chunk: int,
) -> None:
    monkeypatch.setattr(json_list, "CHUNK_CHARS", chunk)
    path = tmp_path / "data.json"
    path.write_text(text)
    found = []
    with pytest.raises(RoboLoopError) as caught:
        found.extend(scan_entries(path))
    assert (caught.value.code, caught.value.place.line) == (code, line)
    if column is not None:
        assert caught.value.place.column == column


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("none.json", None, "E-DAT-001"),
        ("empty.json", "", "E-DAT-002"),
        ("text.json", "hello", "E-DAT-002"),
        ("one.json", '{\n"data": []\n}', "E-DAT-002"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, text: str | None, code: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(RoboLoopError, match=name) as caught:
        list(scan_entries(tmp_path / name))
    assert caught.value.code == code


def test_memory_stays_at_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_list, "CHUNK_CHARS", 1000)
    path = tmp_path / "data.json"
    path.write_text(
        "[" + ",\n".join(json.dumps({"id": n, "x": "y" * 300}) for n in range(500)) + "]"
    )
    held = [0]
    real_fill = json_list.ListScanner._fill

    def fill(self: Any) -> bool:
        more = real_fill(self)
        held.append(len(self._buffer))
        return more

    monkeypatch.setattr(json_list.ListScanner, "_fill", fill)
    assert len(scanned(path)) == 500
    assert max(held) < 3000


def outcome(items: Iterator[JsonLine | Broken]) -> list[object]:
    """Values with their places and errors as text, up to and with the error that ends it."""
    found: list[object] = []
    try:
        for item in items:
            if isinstance(item, Broken):
                found.append(str(item.error))
            else:
                found.append((item.place, item.value))
    except RoboLoopError as error:
        found.append(str(error))
    return found


def no_plain_entries(
    text: bytes, *, start: int, path: Path, line: int
) -> Generator[JsonLine, None, tuple[int, int]]:
    """So that each entry is read with care."""
    return 0, line
    yield


def of_pieces(path: Path, *, piece_bytes: int) -> Iterator[JsonLine | Broken]:
    for piece in pickle.loads(pickle.dumps(list(entry_pieces(path, piece_bytes=piece_bytes)))):
        yield from scan_piece(piece)


spaces = st.text(" \t\n", max_size=3)
damage = st.tuples(
    st.integers(0, 10_000),
    st.sampled_from([b"", b"\xff", b'"', b"\\", b"{", b"]", b",", b"NaN", b"}", b"\xef\xbb\xbf"]),
)


@settings(deadline=None, max_examples=300)
@given(
    values=st.lists(objects, max_size=8) | st.lists(entries | st.just(float("nan")), max_size=8),
    gaps=st.lists(spaces, min_size=18, max_size=18),
    head=st.sampled_from([b"", b"\xef\xbb\xbf", b"\n \n"]),
    as_lines=st.booleans(),
    ascii_only=st.booleans(),
    damages=st.lists(damage, max_size=2),
    piece_bytes=st.sampled_from([1, 5, 40, 1 << 20]),
    chunk=st.sampled_from([1, 3, 1 << 18]),
)
def test_pieces_give_what_the_whole_file_gives(
    values: list[Any],
    gaps: list[str],
    head: bytes,
    as_lines: bool,
    ascii_only: bool,
    damages: list[tuple[int, bytes]],
    piece_bytes: int,
    chunk: int,
) -> None:
    written = [json.dumps(value, ensure_ascii=ascii_only) for value in values]
    if as_lines:
        text = "".join(f"{value}\n" for value in written)
    else:
        gap = iter(gaps)
        text = ",".join(next(gap) + value + next(gap) for value in written)
        text = f"[{text}]{gaps[-1]}"
    data = head + text.encode()
    for position, bad in damages:
        at = position % (len(data) + 1)
        data = data[:at] + bad + data[at + len(bad) :]
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_borders, "CHUNK_BYTES", chunk)
        path = Path(name) / ("data.jsonl" if as_lines else "data.json")
        path.write_bytes(data)
        found = outcome(of_pieces(path, piece_bytes=piece_bytes))
        assert outcome(scan_entries(path)) == found
        patch.setattr(json_entries, "plain_entries", no_plain_entries)
        assert outcome(scan_entries(path)) == found


def test_pieces_are_of_about_the_size_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    values = [{"id": n, "x": '"}, {' * (n % 7), "y": [[1, 2], {"z": "\\"}]} for n in range(1000)]
    path.write_text(json.dumps(values, indent=1))
    pieces = list(entry_pieces(path, piece_bytes=2000))
    assert all(0 <= (piece.end or 0) - piece.start - 2000 < 300 for piece in pieces[:-1])
    assert [item.value for item in of_pieces(path, piece_bytes=2000)] == values  # pyright: ignore


def test_a_long_wrong_entry_is_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_borders, "MAX_ENTRY_BYTES", 1000)
    monkeypatch.setattr(json_borders, "CHUNK_BYTES", 100)
    path = tmp_path / "data.json"
    path.write_text('[{"a": 1}, {"a": "never closed, ' + '", "' * 3000)
    first, last = entry_pieces(path, piece_bytes=5)
    assert (first.start, first.end, last.start, last.end) == (0, 10, 10, None)
