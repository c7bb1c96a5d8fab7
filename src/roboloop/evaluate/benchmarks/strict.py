"""`strict`: one way to ask all benchmarks, for models that are to be held against each other.

Multiple choice is answered with the letter only, places are fractions of the picture, and nothing
else is to be said: the rules of the RoboBrain final's evaluation.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import load_dialect
from roboloop.evaluate.benchmarks.base import Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import LETTER_DIRECTLY, asked, option_lines, published
from roboloop.records.record import Record

STRICT = "strict"
FRACTIONS = load_dialect("llava")
THOUSANDTHS = load_dialect("qwen3_vl")

TUPLES_FROM_0_TO_1 = (
    "Your answer should be formatted as a list of tuples, i.e. [(x1, y1), (x2, y2), ...], where "
    "each tuple contains the x and y coordinates of a point satisfying the conditions above. The "
    "coordinates should be between 0 and 1, indicating the normalized pixel locations of the "
    "points in the image."
)
ONLY_THE_LIST = "Return only list of tuples, don't add anything else."


def ask_strictly(record: Record) -> str:
    """The question with one line that says how to answer."""
    match record.task:
        case "choice_vqa":
            lines = option_lines(record)
            whole = f"{asked(record)}\n{lines}" if lines else published(record)
            return f"{whole}\n{LETTER_DIRECTLY}"
        case "yes_no_vqa":
            return f"{asked(record)}\nAnswer yes or no."
        case "number_vqa":
            return f"{asked(record)}\nAnswer with one number."
        case "pointing":
            return f"{asked(record)} {TUPLES_FROM_0_TO_1} {ONLY_THE_LIST}"
        case "object_box":
            return (
                f"Where is {record.text_input('object')}? Answer with its bounding box as "
                "[x1, y1, x2, y2], in fractions of the picture's width and height between 0 and 1."
            )
        case _:
            return f"{asked(record)}\nAnswer the question using a single word or phrase."


def prompt_named(benchmark: Benchmark, name: str) -> Prompt:
    """The benchmark's prompt of this name, `strict`, or the authors' where it has no such."""
    return STRICT_PROMPT if name == STRICT else benchmark.prompt(name)


def check_prompt_name(name: str, *, benchmarks: Sequence[Benchmark]) -> None:
    """Refuse a name that none of these benchmarks has: it would be the authors' words for all.

    Raises:
        RoboLoopError: E-CFG-006, with the names there are.
    """
    known = {STRICT, *(each for benchmark in benchmarks for each in benchmark.prompts)}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" - did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"
        raise RoboLoopError("E-CFG-006", f"{name!r} is none of the prompts{hint}")


STRICT_PROMPT = Prompt(ask_strictly, "RoboBrain final, rules of its evaluation", FRACTIONS)
