"""`score`: stored answers scored again, by anybody's rules."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from roboloop.base.progress import console

RulesName = Literal["all", "default", "author", "flagevalmm", "vlmevalkit", "lmms_eval"]


def score(
    answers: Path,
    *,
    out: Path,
    rules: RulesName = "default",
    judge_url: str = "",
    judge_model: str = "",
    judge_price_in: float = 0.0,
    judge_price_out: float = 0.0,
) -> None:
    """Score stored raw answers again. Nothing is asked.

    The answers are those of a run or evaluation folder, or the lines of a JSON Lines file with the
    keys `benchmark`, `kind`, `question`, `options`, `gold` and `answer` (docs/evaluation.md).

        roboloop score runs/demo --out scored.jsonl
        roboloop score answers.jsonl --out scored.jsonl --rules all

    Args:
        answers: Where the answers lie.
        out: JSON Lines file for the scores: value, status, rule and span of every answer.
        rules: Whose rules; `all` shows how one model gets as many numbers.
        judge_url: A server that speaks OpenAI's protocol, whose model reads the answers that our
            rules could not. Its readings are kept beside `out` and marked with the rule `judge`.
        judge_model: Its name there.
        judge_price_in: Per million tokens.
        judge_price_out: Per million tokens.
    """
    from pydantic import ValidationError

    from roboloop.base.errors import RoboLoopError
    from roboloop.engines.endpoint.config import EndpointConfig
    from roboloop.evaluate.judge_reading import read_by_judge
    from roboloop.evaluate.rescore import read_lines, rescore, rescored_table, rules_named

    judged = None
    lines = read_lines(answers)
    if judge_url:
        lines = list(lines)
        try:
            judge = EndpointConfig.model_validate(
                {
                    "url": judge_url,
                    "model": judge_model,
                    "price_in": judge_price_in,
                    "price_out": judge_price_out,
                }
            )
        except ValidationError as error:
            raise RoboLoopError("E-CFG-003", f"the judge: {error.errors()[0]['msg']}") from error
        folder = out.with_suffix(".judge")
        readings = read_by_judge([line.case for line in lines], judge=judge, folder=folder)
        judged = readings.scores
        console().print(
            f"judge: asked about {readings.num_asked} answers, read {len(judged)}, "
            f"failed {readings.num_failed}, cost {readings.cost:.4f}",
            markup=False,
        )
    found = rescore(lines, rules=rules_named(rules), out=out, judged=judged)
    print(rescored_table(found), end="")  # noqa: T201 - the table
    console().print(f"written to {out}", markup=False, soft_wrap=True)
