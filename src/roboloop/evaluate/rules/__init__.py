"""Rules that turn a model's stored text into a score, one file for each evaluator.

`default` is ours. The others give the numbers that a benchmark's author or another evaluator would
give for the same text, their quirks included, so that old numbers can be derived again and set
beside ours. Nothing here asks a model.
"""

from __future__ import annotations

from functools import cache

from roboloop.base.table import Table
from roboloop.evaluate.rules.base import Case, CaseKind, Rules, RuleScore

RULES = Table(
    "rules",
    rows={
        "default": "roboloop.evaluate.rules.default:DefaultRules",
        "author": "roboloop.evaluate.rules.author:AuthorRules",
        "flagevalmm": "roboloop.evaluate.rules.flagevalmm:FlagEvalMMRules",
        "vlmevalkit": "roboloop.evaluate.rules.vlmevalkit:VLMEvalKitRules",
        "lmms_eval": "roboloop.evaluate.rules.lmms_eval:LmmsEvalRules",
    },
)


@cache
def load_rules(name: str) -> Rules:
    """The rules of this name.

    Raises:
        RoboLoopError: E-CFG-006 for an unknown name, with the nearest known one.
    """
    return RULES.resolve(name)()


__all__ = ["RULES", "Case", "CaseKind", "RuleScore", "Rules", "load_rules"]
