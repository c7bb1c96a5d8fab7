"""Objects larger than memory come out member by member, wherever the text is cut into chunks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboloop.base.errors import RoboLoopError
from roboloop.records.jsonl import Broken, JsonLine
from roboloop.sources import json_list
from roboloop.sources.json_members import Member, scan_members

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


def flat(members: list[Member]) -> list[tuple[str, str | None, Any]]:
    found: list[tuple[str, str | None, Any]] = []
    for member in members:
        assert isinstance(member.item, JsonLine)
        found.append((member.key, member.name, member.item.value))
    return found


def expected(whole: dict[str, Any], opened: str) -> list[tuple[str, str | None, Any]]:
    found: list[tuple[str, str | None, Any]] = []
    for key, value in whole.items():
        if isinstance(value, list):
            found += [(key, None, entry) for entry in value]
        elif isinstance(value, dict) and key == opened:
            found += [(key, name, inner) for name, inner in value.items()]
        else:
            found.append((key, None, value))
    return found


@settings(deadline=None, max_examples=60)
@given(
    whole=st.dictionaries(st.sampled_from(["images", "videos", "info", "x"]), VALUES),
    indent=st.sampled_from([None, 1]),
    chunk=st.integers(1, 40),
)
def test_any_object_in_chunks_of_any_size(
    tmp_path_factory: pytest.TempPathFactory,
    whole: dict[str, Any],
    indent: int | None,
    chunk: int,
) -> None:
    path = tmp_path_factory.mktemp("members") / "x.json"
    path.write_text(json.dumps(whole, indent=indent), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_list, "CHUNK_CHARS", chunk)
        members = list(scan_members(path, opened=frozenset({"videos"})))
    assert flat(members) == expected(whole, "videos")


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": [\n1,\n\n2],\n"videos": {"v":\n3}}')
    members = list(scan_members(path, opened=frozenset({"videos"})))
    lines = [m.item.place.line for m in members if isinstance(m.item, JsonLine)]
    assert lines == [2, 4, 6]


def test_entry_that_is_not_utf8_keeps_what_was_read_of_it(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'{"a": [{"id": 1}, {"id": 2, "x": "\xff"}, {"id": 3}]}')
    first, broken, last = scan_members(path)
    assert isinstance(broken.item, Broken) and broken.item.error.code == "E-REC-001"
    assert broken.broken_value["id"] == 2
    assert isinstance(first.item, JsonLine) and isinstance(last.item, JsonLine)
    assert last.item.value == {"id": 3}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "E-DAT-002"),
        ("[1]", "E-DAT-002"),
        ('{"a": [1, 2', "E-REC-014"),
        ('{"a": [1, 2]', "E-REC-014"),
        ('{"a": {"b": "c', "E-REC-014"),
        ('{"a": [1 2]}', "E-REC-001"),
        ('{"a" [1]}', "E-REC-001"),
        ("{1: 2}", "E-REC-001"),
        ('{"a": nope}', "E-REC-001"),
        ('{"a": ' + "[" * 100_000, "E-REC-001"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_broken_files(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(RoboLoopError) as caught:
        list(scan_members(path))
    assert caught.value.code == code
    with pytest.raises(RoboLoopError) as caught:
        list(scan_members(tmp_path / "none.json"))
    assert caught.value.code == "E-DAT-001"
