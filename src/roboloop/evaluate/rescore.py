"""Score stored answers again, under any rules. Nothing is asked.

One line goes out for each line that came in, with what every set of rules made of the answer; the
table shows how one model gets as many numbers as there are rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_writer
from roboloop.evaluate.cases import read_cases
from roboloop.evaluate.foreign_answers import foreign_answers, is_foreign
from roboloop.evaluate.rules import RULES, Rules, RuleScore, load_rules
from roboloop.evaluate.stored_cases import StoredAnswer, stored_answers
from roboloop.evaluate.text_tables import aligned_rows

ALL, DEFAULT = "all", "default"


@dataclass(slots=True)
class Mean:
    """A mean that grows: over items, and over the means of subtasks."""

    sums: dict[str, float] = field(default_factory=dict[str, float])
    counts: Counter[str] = field(default_factory=Counter[str])
    num_dropped: int = 0
    num_unknown: int = 0

    def add(self, score: RuleScore | None, *, subtask: str) -> None:
        """Count one item; one that the rules leave out changes no mean."""
        if score is None:
            self.num_unknown += 1
        elif score.score is None:
            self.num_dropped += 1
        else:
            self.sums[subtask] = self.sums.get(subtask, 0.0) + score.score
            self.counts[subtask] += 1

    @property
    def over_items(self) -> float | None:
        """The mean over all items; None without any."""
        return sum(self.sums.values()) / self.counts.total() if self.counts else None

    @property
    def over_subtasks(self) -> float | None:
        """The mean of the subtasks' means; None with fewer than two subtasks."""
        if len(self.counts) < 2:
            return None
        return sum(self.sums[s] / n for s, n in self.counts.items()) / len(self.counts)


@dataclass(slots=True)
class Rescored:
    """What scoring found.

    Attributes:
        means: (model, benchmark) -> rules -> mean.
        statuses: Rules -> status -> answers.
        num_lines: Answers that came in.
        num_no_rules: Those to questions that no rules know.
    """

    names: tuple[str, ...]
    means: dict[tuple[str, str], dict[str, Mean]] = field(
        default_factory=dict[tuple[str, str], dict[str, Mean]]
    )
    statuses: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    num_lines: int = 0
    num_no_rules: int = 0


def rules_named(name: str) -> list[Rules]:
    """The rules of this name, or every one for `all`, ours first.

    Raises:
        RoboLoopError: E-CFG-006 for an unknown name.
    """
    if name != ALL:
        return [load_rules(name)]
    return [load_rules(each) for each in sorted(RULES.rows, key=lambda row: row != DEFAULT)]


def read_lines(path: Path) -> Iterator[StoredAnswer]:
    """The answers at `path`: of a run or evaluation folder, or of a JSON Lines file.

    Raises:
        RoboLoopError: E-EVA-002 when nothing is there, E-EVA-003 for a folder without evaluation,
            E-EVA-004 for a line that cannot be scored.
    """
    if path.exists() and is_foreign(path):
        yield from foreign_answers(path)
        return
    if path.is_dir():
        yield from stored_answers(path)
        return
    if not path.is_file():
        raise RoboLoopError("E-EVA-002", "there is no such file or folder", place=Place(path))
    for number, (line, case) in enumerate(read_cases(path), start=1):
        yield StoredAnswer(str(line.get("id", number)), str(line.get("model", "")), case.text, case)


def rescore(
    lines: Iterable[StoredAnswer],
    *,
    rules: Sequence[Rules],
    out: Path,
    judged: Mapping[int, RuleScore] | None = None,
) -> Rescored:
    """Score every line under every set of rules and write them to `out`, whole or not at all.

    Args:
        lines: The answers.
        rules: Whose rules.
        out: JSON Lines file.
        judged: Place of a line -> its score by a judge's reading, in place of `default`'s.
    """
    found = Rescored(tuple(each.name for each in rules))
    with atomic_writer(out) as stream:
        for place, line in enumerate(lines):
            scores = {
                each.name: None if line.case is None else each.score(line.case) for each in rules
            }
            if judged and DEFAULT in scores:
                scores[DEFAULT] = judged.get(place, scores[DEFAULT])
            _count(found, line=line, scores=scores)
            stream.write(orjson.dumps(_line_json(line, scores)) + b"\n")
    return found


def _count(found: Rescored, *, line: StoredAnswer, scores: dict[str, RuleScore | None]) -> None:
    found.num_lines += 1
    if line.case is None:
        found.num_no_rules += 1
        return
    means = found.means.setdefault((line.model, line.case.benchmark), {})
    for name, score in scores.items():
        means.setdefault(name, Mean()).add(score, subtask=line.case.subtask)
        if score is not None:
            found.statuses.setdefault(name, Counter())[score.status.value] += 1


def _line_json(line: StoredAnswer, scores: dict[str, RuleScore | None]) -> dict[str, Any]:
    case = line.case
    return {
        "id": line.id,
        "model": line.model,
        "benchmark": case.benchmark if case else None,
        "kind": case.kind if case else None,
        "subtask": case.subtask if case else None,
        "gold": case.gold if case else None,
        "answer": line.text,
        "rules": {name: score and _score_json(score) for name, score in scores.items()},
    }


def _score_json(score: RuleScore) -> dict[str, Any]:
    return {**score._asdict(), "span": list(score.span) if score.span else None}


def rescored_table(found: Rescored) -> str:
    """Percent for each benchmark and model, one column for each set of rules, and what fell out."""
    head = ["model", "benchmark", "mean over", *found.names]
    rows: list[list[str]] = []
    for (model, benchmark), means in sorted(found.means.items()):
        label = [_printable(model) or "-", _printable(benchmark)]
        rows.append([*label, "items", *(_cell(means[n].over_items, means[n]) for n in found.names)])
        if any(mean.over_subtasks is not None for mean in means.values()):
            cells = (_percent(means[name].over_subtasks) for name in found.names)
            rows.append([*label, "subtasks", *cells])
    lines = aligned_rows([head, *rows]) if rows else []
    lines.append("")
    for name, counts in found.statuses.items():
        told = ", ".join(f"{status} {count}" for status, count in sorted(counts.items()))
        lines.append(f"{name}: {told}")
    lines.append(
        f"{found.num_lines} answers; {found.num_no_rules} to questions that no rules know. "
        "(-n): left out of the mean by these rules; ?n: a benchmark they have not."
    )
    return "\n".join(lines) + "\n"


def _cell(value: float | None, mean: Mean) -> str:
    text = _percent(value)
    text += f" (-{mean.num_dropped})" if mean.num_dropped else ""
    return text + (f" ?{mean.num_unknown}" if mean.num_unknown else "")


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def _printable(text: str) -> str:
    """A name from a file, without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
