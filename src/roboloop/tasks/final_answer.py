r"""Which words of a model's text are its answer, for answers that are words.

In this order: what follows the last `</think>`; the last `<answer>`; the answer's value in a JSON
object; the last `\boxed{}`. A thought that never ends has no answer.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from roboloop.dialects.answer_part import answer_part

_SPECIAL = re.compile(r"</?s>|<\|[^|<>]*\|>|<(?:bos|eos|pad|end_of_turn)>")
_ANSWER_KEY = re.compile(
    r"""["'](?:final[_ ]?answer|answer|choice|option|letter|prediction|result|答案)["']\s*:\s*
    (?: \[([^\]]*)\] | "((?:[^"\\]|\\.)*)(?:"|\Z) | '((?:[^'\\]|\\.)*)' | ([^\s"',}\]]+) )""",
    re.IGNORECASE | re.VERBOSE,
)
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_LATEX_WORDS = re.compile(r"\\(?:text|textbf|mathrm|mathbf|boldsymbol)\s*\{([^{}]*)\}")
_HTML_MARKS = re.compile(r"</?(?:b|i|u|em|strong|span|p|br|code|h[1-6])\s*/?>", re.IGNORECASE)
_EMPHASIS = re.compile(r"\*+|`+|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)")
_EMPHASIS_SIGN = re.compile(r"[*`_]")
_LINE_MARKS = re.compile(r"^[^\S\n]*(?:#{1,6}|>)[^\S\n]+", re.MULTILINE)
_WIDE_SPACE = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
"""White space within a line, other than one plain space."""
CUE = re.compile(
    r"(?:(?<![a-z])(?:final\s+|correct\s+|right\s+)?answer(?:\s+is)?\s*:|答案\s*(?:[是为]|:)+:?)\s*",
    re.IGNORECASE,
)

REFUSAL = re.compile(
    r"\b(?:cannot|can't|can not|unable|impossible|not possible|not sure|unsure|unclear|uncertain|"
    r"don't know|do not know|not enough|sorry|difficult to)\b"
    r"|无法|不能确定|不确定|不知道|不清楚|抱歉",
    re.IGNORECASE,
)
"""A sentence that declines to answer."""


class FinalAnswer(NamedTuple):
    """The part of a text that answers.

    Attributes:
        text: Without thinking, tags, emphasis and full-width letters; empty when there is none.
        marked: It stood in a tag, a JSON value or a box: nothing but the answer is expected.
        note: Why there is none, or empty.
    """

    text: str
    marked: bool = False
    note: str = ""


def final_answer(text: str) -> FinalAnswer:
    """The words that answer, cleaned of all marks."""
    part = answer_part(_SPECIAL.sub(" ", unicodedata.normalize("NFKC", text)))
    inner, marked = part.text, "<answer>" in text.casefold()
    if keyed := _ANSWER_KEY.findall(inner):
        inner, marked = "".join(keyed[-1]).strip("\"' "), True
    if boxed := _BOXED.findall(inner):
        inner, marked = boxed[-1], True
    return FinalAnswer(_without_marks(inner), marked, "; ".join(part.notes))


def keyed_part(text: str, *, key: str) -> str | None:
    """The answer from the last `"key"` on, if it holds one: what a text itself calls its answer."""
    told = answer_part(text).text
    starts = [match.start() for match in re.finditer(rf"[\"']{re.escape(key)}[\"']", told)]
    return "{" + told[starts[-1] :] if starts else None


def after_cue(text: str) -> str:
    """What follows the last `Answer:`, up to the end of its line or of the next; else all."""
    *_, tail = CUE.split(text)
    lines = tail.strip().splitlines()
    return lines[0].strip() if lines and CUE.search(text) else text


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text, without empty ones. `A. left` stays whole.

    A line that ends with a colon goes with the next one.
    """
    pieces = [p.strip() for p in re.split(r"(?<=[.!?;])\s+|(?<=[。!?;])|\n+", text) if p.strip()]
    whole: list[str] = []
    for piece in pieces:
        if whole and re.search(r"^\(?[A-Za-z]\)?\.$|:$", whole[-1]):
            whole[-1] += " " + piece
        else:
            whole.append(piece)
    return whole


def _without_marks(text: str) -> str:
    plain = _LATEX_WORDS.sub(r"\1", re.sub(r"\n\s*\n", "\n\n", text))
    plain = re.sub(r"[$【】「」『』]", " ", _HTML_MARKS.sub(" ", plain))
    plain = _LINE_MARKS.sub("", plain)
    if _EMPHASIS_SIGN.search(plain):  # most texts have none, and looking back at each sign is slow
        plain = _EMPHASIS.sub("", plain)
    return _WIDE_SPACE.sub(" ", plain).strip()
