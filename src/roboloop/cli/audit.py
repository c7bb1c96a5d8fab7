"""`audit`: what is wrong with stored answers besides being wrong."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import Parameter

from roboloop.base.progress import console


def audit(
    model: str,
    /,
    *,
    against: str = "",
    seed: int = 0,
    as_json: Annotated[bool, Parameter("--json")] = False,
) -> int:
    """Look through a model's stored answers; nothing is asked again. Exit status 1 with findings.

    Found are answers that would earn more in another coordinate convention, answers cut off at the
    limit of tokens, a favourite letter, truths written to the last digit, scores far above anything
    published, and, with --against, a changed style of answering, told apart from a changed ability.

        roboloop audit runs/sft --against runs/base

    Args:
        model: A run or evaluation folder: PATH or PATH:MODEL.
        against: Another, to tell drift.
        seed: Seed of the tests that draw.
        as_json: Machine-readable output.
    """
    from roboloop.evaluate.audit.conventions import convention_breaks
    from roboloop.evaluate.audit.drift import format_drifts
    from roboloop.evaluate.audit.habits import habits
    from roboloop.evaluate.audit.leakage import too_good
    from roboloop.evaluate.benchmarks.published import published_lines
    from roboloop.evaluate.compare.loaded import load_evaluated

    asked = load_evaluated(model)
    findings = [
        *convention_breaks(asked, seed=seed),
        *habits(asked, seed=seed),
        *too_good(asked, published=published_lines()),
    ]
    if against:
        findings += format_drifts(asked, against=load_evaluated(against))
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings], indent=2))  # noqa: T201
        return bool(findings)
    said = console()
    num_answers = sum(map(len, asked.tasks.values()))
    said.print(
        f"{asked.label}: {num_answers:,} answers to {len(asked.tasks)} tasks, read as "
        f"{asked.dialect}: {len(findings) or 'no'} finding{'s' * (len(findings) != 1)}",
        markup=False,
    )
    for finding in findings:
        text = f"  {finding.kind}: {finding.task}: {finding.why}"
        said.print(text, markup=False, soft_wrap=True)
    return bool(findings)
