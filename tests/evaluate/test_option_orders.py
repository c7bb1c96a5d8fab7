"""Options in other orders: what is asked, and who is found to like a letter."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import hub_files
import pytest
from benchmark_engine import (
    ToldEngine,
    config_for,
    expect_what_is_there,
    measure,
    perfect_answers,
    result_of,
)

from roboloop.engines.base import Request, Response
from roboloop.evaluate.benchmarks.choice import options_of, with_options
from roboloop.evaluate.benchmarks.option_orders import reordered, rotations_of, shuffled
from roboloop.evaluate.benchmarks.reading import read_benchmarks
from roboloop.evaluate.benchmarks.strict import prompt_named
from roboloop.evaluate.run import EvaluationResult
from roboloop.records import Choice, Record
from roboloop.tasks.base import LETTERS

CHOICES = ("blink", "cvbench", "egoplan", "embspatial", "erqa", "mmsi", "sat", "all_angles")


class Reader(ToldEngine):
    """Answers by what the question says."""

    def __init__(self, choose: Callable[[str], str]) -> None:
        super().__init__({})
        self.choose = choose

    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        for request in requests:
            self.asked.append(request.record_id)
            text = self.choose(request.question)
            yield Response(record_id=request.record_id, text=text, finish_reason="stop")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_files.write_all(tmp_path_factory.mktemp("hub"))


def asked_circularly(
    root: Path, out: Path, monkeypatch: pytest.MonkeyPatch, *, engine: ToldEngine, kind: str
) -> EvaluationResult:
    config = config_for(root, benchmarks=(kind,), option_order="circular")
    expect_what_is_there(monkeypatch, config)
    return measure(config, out=out, engine=engine)


def records_of(root: Path, kind: str) -> list[Record]:
    (found,) = read_benchmarks(config_for(root, benchmarks=(kind,))).found
    return [record for record in found.records if record.task == "choice_vqa"]


@pytest.mark.parametrize("kind", CHOICES)
def test_every_prompt_follows_the_options(root: Path, kind: str) -> None:
    (found,) = read_benchmarks(config_for(root, benchmarks=(kind,))).found
    for record in records_of(root, kind):
        options = options_of(record)
        moved = rotations_of(record)
        assert len(moved) == len(options) - 1
        for by, other in enumerate(moved, start=1):
            assert options_of(other) == options[by:] + options[:by]
            assert options_of(other)[_place(other)] == options[_place(record)]
            back = reordered(
                other, order=[(n - by) % len(options) for n in range(len(options))], name=""
            )
            assert back is not None
            for name in found.benchmark.prompts:
                prompt = prompt_named(found.benchmark, name)
                assert prompt.ask(back) == prompt.ask(record)
                if options_of(other) != options:
                    assert prompt.ask(other) != prompt.ask(record)


def test_only_whole_options_are_moved() -> None:
    text = "Which?\n(A) 1\n(B) 11\nSay a letter."
    assert with_options(text, old=["1", "11"], new=["11", "1"]) == (
        "Which?\n(A) 11\n(B) 1\nSay a letter."
    )
    assert with_options("(A) 11 (B) 1", old=["1", "11"], new=["11", "1"]) is None
    assert with_options("no options", old=["1", "11"], new=["11", "1"]) is None


def test_who_always_says_a_is_right_nowhere_in_every_order(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Reader(lambda _: "A")
    result = asked_circularly(root, tmp_path, monkeypatch, engine=engine, kind="blink")
    found = result_of(result, "blink")["circular"]
    records = records_of(root, "blink")
    assert (found["num_items"], found["num_not_moved"]) == (len(records), 0)
    assert found["num_asked"] == sum(len(options_of(record)) for record in records)
    assert len(engine.asked) == found["num_asked"]
    assert found["every_order"]["value"] == 0.0
    shares = [1 / len(options_of(record)) for record in records]
    assert found["mean_over_orders"]["value"] == pytest.approx(sum(shares) / len(shares))
    assert found["letters"]["A"]["chosen"] == 1.0 and found["leans_to"] == "A"
    assert found["letters"]["A"]["accuracy"] == 1.0 and found["letters"]["B"]["accuracy"] == 0.0
    assert found["letters"]["B"]["excess"]["high"] < 0
    table = (tmp_path / "table.md").read_text()
    assert "## Options in every order" in table and "; leans to A (+" in table
    assert result.complete, "a preference is no fault of the measurement"


def test_who_goes_by_the_words_leans_to_no_letter(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = records_of(root, "blink")
    words = {r.text_input("question"): options_of(r)[_place(r)] for r in records}

    def find(question: str) -> str:
        right = next(text for asked, text in words.items() if asked in question)
        options = re.findall(r"\(([A-F])\) (.+)", question)
        return next(letter for letter, text in options if text.strip() == right)

    result = asked_circularly(root, tmp_path, monkeypatch, engine=Reader(find), kind="blink")
    found = result_of(result, "blink")["circular"]
    assert found["every_order"]["value"] == found["stored_order"]["value"] == 1.0
    assert found["leans_to"] == ""
    assert all(each["excess"]["value"] == 0.0 for each in found["letters"].values())
    assert result_of(result, "blink")["headline"]["value"] == pytest.approx(1.0)
    lines = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert len(lines) == len(records), "an item is one item, in however many orders"
    others: list[dict[str, Any]] = lines[0]["predictions"]["told"]["other_orders"]
    assert [each["values"] for each in others] == [{"accuracy": 1.0}] * len(others)


def _place(record: Record) -> int:
    assert isinstance(record.answer, Choice)
    return LETTERS.index(record.answer.letter)


def test_an_order_that_got_no_answer_leaves_the_run_incomplete(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(root, benchmarks=("sat",), option_order="circular")
    told = perfect_answers(config)
    result = asked_circularly(root, tmp_path, monkeypatch, engine=ToldEngine(told), kind="sat")
    entry = result_of(result, "sat")
    assert entry["headline"]["value"] == 1.0 and not result.complete
    assert entry["circular"]["num_failed"] == entry["circular"]["num_asked"] - len(told)
    assert entry["circular"]["every_order"]["value"] == 0.0


def test_shuffling_depends_on_seed_and_item_alone(root: Path) -> None:
    stored = records_of(root, "mmsi") + records_of(root, "embspatial")
    first, again, other = ([shuffled(r, seed=s) for r in stored] for s in (1, 1, 2))
    assert first == again != other
    assert [record.id for record in first] == [record.id for record in stored]
    assert any(options_of(a) != options_of(b) for a, b in zip(first, stored, strict=True))
    for record, before in zip(first, stored, strict=True):
        assert sorted(options_of(record)) == sorted(options_of(before))
    config = config_for(root, benchmarks=("mmsi",), option_order="shuffled", seed=1)
    (found,) = read_benchmarks(config).found
    assert list(found.records) == first[: len(found.records)] and not found.rotations
