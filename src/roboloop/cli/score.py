"""`score`: stored answers scored again, by anybody's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from roboloop.base.progress import console

if TYPE_CHECKING:
    from roboloop.evaluate.rules import RuleScore
    from roboloop.evaluate.stored_cases import StoredAnswer

RulesName = Literal[
    "all", "default", "author", "flagevalmm", "vlmevalkit", "lmms_eval", "robointer"
]
Convention = Literal["qwen25", "intern", "llava", "api"]


def score(
    answers: Path,
    *,
    out: Path,
    rules: RulesName = "default",
    judge_url: str = "",
    judge_model: str = "",
    judge_price_in: float = 0.0,
    judge_price_out: float = 0.0,
    convention: Convention | None = None,
    recorded_sizes: bool = False,
    prompt_first: bool = False,
) -> None:
    """Score stored raw answers again. Nothing is asked.

    The answers are those of a run or evaluation folder, or the lines of a JSON Lines file with the
    keys `benchmark`, `kind`, `question`, `options`, `gold` and `answer` (docs/evaluation.md).

        roboloop score runs/demo --out scored.jsonl
        roboloop score answers.jsonl --out scored.jsonl --rules all
        roboloop score runs/demo --out scored.jsonl --rules robointer --convention qwen25

    Args:
        answers: Where the answers lie.
        out: JSON Lines file for the scores: value, status, rule and span of every answer.
        rules: Whose rules; `all` shows how one model gets as many numbers. `robointer` gives the
            columns of its paper's table 3, for the answers of a run or evaluation folder.
        convention: Only with robointer, which must be told how the model writes places: `qwen25`
            (RoboBrain, too) in resized pixels, `intern` in thousandths, `llava` in fractions, `api`
            in original pixels.
        recorded_sizes: Only with robointer: take the true size of each picture instead of the one
            it takes for granted.
        prompt_first: Only with robointer: put the question before each answer, as it does for the
            models it runs itself.
        judge_url: A server that speaks OpenAI's protocol, whose model reads the answers that our
            rules could not. Its readings are kept beside `out` and marked with the rule `judge`.
        judge_model: Its name there.
        judge_price_in: Per million tokens.
        judge_price_out: Per million tokens.
    """
    if rules == "robointer":
        _score_robointer(
            answers,
            out=out,
            convention=convention,
            recorded_sizes=recorded_sizes,
            prompt_first=prompt_first,
        )
        return
    from roboloop.evaluate.rescore import read_lines, rescore, rescored_table, rules_named

    judged = None
    lines = read_lines(answers)
    if judge_url:
        lines = list(lines)
        prices = (judge_price_in, judge_price_out)
        judged = _read_by_judge(lines, url=judge_url, model=judge_model, prices=prices, out=out)
    found = rescore(lines, rules=rules_named(rules), out=out, judged=judged)
    print(rescored_table(found), end="")  # noqa: T201 - the table
    console().print(f"written to {out}", markup=False, soft_wrap=True)


def _score_robointer(
    answers: Path,
    *,
    out: Path,
    convention: Convention | None,
    recorded_sizes: bool,
    prompt_first: bool,
) -> None:
    from roboloop.base.errors import RoboLoopError
    from roboloop.evaluate.robointer_table import (
        RoboInterOptions,
        robointer_table,
        score_robointer,
    )

    if convention is None:
        raise RoboLoopError(
            "E-CFG-003", "the rules of robointer need --convention qwen25, intern, llava or api"
        )
    options = RoboInterOptions(convention, recorded_sizes, prompt_first)
    found = score_robointer(answers, options=options, out=out)
    print(robointer_table(found), end="")  # noqa: T201 - the table
    console().print(f"written to {out}", markup=False, soft_wrap=True)


def _read_by_judge(
    lines: Sequence[StoredAnswer], *, url: str, model: str, prices: tuple[float, float], out: Path
) -> Mapping[int, RuleScore]:
    """What a language model reads in the answers that our rules could not read."""
    from pydantic import ValidationError

    from roboloop.base.errors import RoboLoopError
    from roboloop.engines.endpoint.config import EndpointConfig
    from roboloop.evaluate.judge_reading import read_by_judge

    try:
        judge = EndpointConfig.model_validate(
            {"url": url, "model": model, "price_in": prices[0], "price_out": prices[1]}
        )
    except ValidationError as error:
        raise RoboLoopError("E-CFG-003", f"the judge: {error.errors()[0]['msg']}") from error
    readings = read_by_judge(
        [line.case for line in lines], judge=judge, folder=out.with_suffix(".judge")
    )
    console().print(
        f"judge: asked about {readings.num_asked} answers, read {len(readings.scores)}, "
        f"failed {readings.num_failed}, cost {readings.cost:.4f}",
        markup=False,
    )
    return readings.scores
