r"""Which words of a model's text are its answer, for answers that are words.

In this order: what follows the last `</think>`; the last `<answer>`; the answer's value in a JSON
object; the last `\boxed{}`. A thought that never ends has no answer.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from roboloop.dialects.answer_part import NO_END_OF_THOUGHT, answer_part
from roboloop.tasks.tracked_text import Span, TrackedText

_SPECIAL = re.compile(r"</?s>|<\|[^|<>]*\|>|<(?:bos|eos|pad|end_of_turn)>")
_ANSWER_KEY = re.compile(
    r"""["'](?:final[_ ]?answer|answer|choice|option|letter|prediction|result|答案)["']\s*:\s*
    (?: \[([^\[\]]*)\] | "((?:[^"\\]|\\.)*)(?:"|\Z) | '((?:[^'\\]|\\.)*)' | ([^\s"',}\]]+) )""",
    re.IGNORECASE | re.VERBOSE,
)
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_LATEX_WORDS = re.compile(r"\\(?:text|textbf|mathrm|mathbf|boldsymbol)\s*\{([^{}]*)\}")
_LATEX_SPACES = re.compile(r"\\(?:[,;:!]|q?quad\b)")
_STRUCK_OUT = re.compile(r"~~[^~\n]+~~")
_HTML_MARKS = re.compile(r"</?(?:b|i|u|em|strong|span|p|br|code|h[1-6])\s*/?>", re.IGNORECASE)
_EMPHASIS = re.compile(r"\*+|`+|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)")
_EMPHASIS_SIGN = re.compile(r"[*`_]")
_LINE_MARKS = re.compile(r"^[^\S\n]*(?:#{1,6}|>)[^\S\n]+", re.MULTILINE)
_WIDE_SPACE = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
"""White space within a line, other than one plain space."""
_BLANK_LINES = re.compile(r"\n\s*\n")
_NEXT_ITEM = re.compile(r"\}\s*,\s*\{\s*\Z")
_SENTENCE_ENDS = re.compile(r"(?<=[.!?;])\s+|(?<=[。!?;])|\n+")
_WORD = re.compile(r"\w")
_LETTER_ALONE = re.compile(r"\(?[A-Za-z]\)?\.")
_SIGNS = re.compile(r"[$【】「」『』]")
CUE = re.compile(
    r"(?:(?<![a-z])(?:final\s+|correct\s+|right\s+)?answer(?:\s+is)?\s*:|答案\s*(?:[是为]|:)+:?)\s*",
    re.IGNORECASE,
)

_KNOWING = (
    r"(?:be\s+|really\s+|\w+ly\s+)*"
    r"(?:tell|told|say|said|see|view|access|answer|assist|help|provide|determin|decid|judg|know|sure"
    r"|certain|identif|recogni[sz]|distinguish|read|make\s+out|made\s+out|find|locat|infer|confirm"
    r"|conclud|choos|select|count|measur|estimat|assess|verif|comply|fulfil|process|discern|give|make\s+a)"
)
REFUSAL = re.compile(
    rf"\b(?:cannot|can['’]?t|can\s+not|could\s+not|couldn['’]t|(?:un|not\s+)able\s+to"
    rf"|(?:im|not\s+)possible\s+to|difficult\s+to)\s+{_KNOWING}|\bhard\s+to\s+(?:say|tell)\b"
    r"|\b(?:not\s+sure|unsure|unclear|uncertain|don['’]t\s+know|do\s+not\s+know|sorry)\b"
    r"|\b(?:not\s+certain|no\s+idea|not\s+have\s+(?:access|enough|sufficient))\b"
    r"|\b(?:not\s+enough|insufficient)\s+(?:\w+\s+)?(?:information|detail|context|evidence|data)"
    r"|无法|不能确定|不确定|不知道|不清楚|抱歉",
    re.IGNORECASE,
)
"""A sentence that declines to answer: what cannot be told, unlike what cannot be done."""


_FAILED_REQUEST = re.compile(
    r"\s*(?:error\s+code\b|error:\s*\d{3}\b|http\s+(?:error\s+)?[45]\d\d\b"
    r"|failed\s+to\s+obtain\s+answer\s+via\s+api|can\s+not\s+answer\s+because\s+of\b"
    r"|input\s+data\s+may\s+contain\s+inappropriate\s+content"
    r"|(?:request|upstream|connection)\s+(?:has\s+)?(?:timed\s+out|error|aborted|refused|reset)\b"
    r"|(?:internal\s+server\s+error|bad\s+gateway|service\s+unavailable|gateway\s+time-?out"
    r"|too\s+many\s+requests|rate\s+limit\s+exceeded)\b)",
    re.IGNORECASE,
)


def is_failed_request(text: str) -> bool:
    """Whether a stored text is no answer but the message of a client or a server that failed."""
    return _FAILED_REQUEST.match(text) is not None


class FinalAnswer(NamedTuple):
    """The part of a text that answers.

    Attributes:
        tracked: Without thinking, tags, emphasis and full-width letters; empty when there is none.
        place: `answer tag`, `json` or `boxed` when it stood in one: nothing but the answer is
            expected there. Else empty.
        note: Why there is none, or empty.
    """

    tracked: TrackedText
    place: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """The words."""
        return self.tracked.text

    @property
    def truncated(self) -> bool:
        """Whether the text ends before the thinking does."""
        return NO_END_OF_THOUGHT in self.note

    def span(self) -> Span:
        """Where the words stand in the raw text."""
        return self.tracked.span(0, len(self.text))


def final_answer(text: str) -> FinalAnswer:
    """The words that answer, cleaned of all marks."""
    part = answer_part(text)
    told = TrackedText(text).part(part.start, part.start + len(part.text))
    inner = told.plain().replaced(_SPECIAL, " ")
    place = "answer tag" if part.tagged else ""
    if keyed := _last(_ANSWER_KEY, inner.text):
        group = next((n for n in range(1, 5) if keyed[n] is not None), 0)
        inner, place = inner.part(*keyed.span(group)).stripped("\"' "), "json"
    if boxed := _last(_BOXED, inner.text):
        inner, place = inner.part(*boxed.span(1)), "boxed"
    return FinalAnswer(_without_marks(inner), place, "; ".join(part.notes))


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    last = None
    for match in pattern.finditer(text):
        last = match
    return last


def keyed_part(text: str, *, key: str) -> str | None:
    """The answer from the last `"key"` on, if it holds one: what a text itself calls its answer.

    Objects in one list belong together: the part begins at the key of the first of them.
    """
    told = answer_part(text).text
    starts = [match.start() for match in re.finditer(rf"[\"']{re.escape(key)}[\"']", told)]
    while len(starts) > 1 and _NEXT_ITEM.search(told[starts[-2] : starts[-1]]):
        starts.pop()
    return "{" + told[starts[-1] :] if starts else None


def after_cue(text: str) -> str:
    """What follows the last `Answer:`, up to the end of its line or of the next; else all."""
    *_, tail = CUE.split(text)
    lines = tail.strip().splitlines()
    return lines[0].strip() if lines and CUE.search(text) else text


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text, without those of no word. `A. left` stays whole.

    A line that ends with a colon goes with the next one.
    """
    pieces = [piece.strip() for piece in _SENTENCE_ENDS.split(text)]
    whole: list[list[str]] = []
    for piece in filter(_WORD.search, pieces):
        last = whole[-1] if whole else [""]
        if last[-1].endswith(":") or _LETTER_ALONE.fullmatch(last[0] if len(last) == 1 else ""):
            last.append(piece)
        else:
            whole.append([piece])
    return [" ".join(parts) for parts in whole]


def _without_marks(told: TrackedText) -> TrackedText:
    for pattern, by in (
        (_BLANK_LINES, "\n\n"),
        (_STRUCK_OUT, " "),
        (_LATEX_SPACES, " "),
        (_LATEX_WORDS, 1),
        (_HTML_MARKS, " "),
        (_SIGNS, " "),
        (_LINE_MARKS, ""),
    ):
        told = told.replaced(pattern, by)
    if _EMPHASIS_SIGN.search(told.text):  # most have none, and looking back at each sign is slow
        told = told.replaced(_EMPHASIS, "")
    return told.replaced(_WIDE_SPACE, " ").stripped()
