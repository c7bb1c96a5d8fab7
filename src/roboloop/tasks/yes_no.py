"""What all yes-or-no tasks share: finding the verdict of a text.

Only whole words count: "Not sure", "unknown" and "Nothing ..." say neither. The last sentence that
begins or ends with a verdict decides, both at once are a hedge, and a "no" that belongs to a noun
("there is no obstacle") is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from roboloop.base.geometry import PictureSize
from roboloop.dialects.base import Dialect
from roboloop.records.answers import Answer, YesNo
from roboloop.records.record import Record
from roboloop.tasks.base import EXACT, Parsed, ParseStatus, Task, Truth, unanswered
from roboloop.tasks.choices import ACCURACY
from roboloop.tasks.final_answer import REFUSAL, after_cue, final_answer, sentences

_YES = r"(?P<yes>yes|yeah|yep|yup|true|correct|是的?|对的?|正确|可以|行|能够?|有|会)"
_NO = r"(?P<no>nope|no|false|incorrect|否|不是的?|不对|不正确|不可以|不能|不行|不会|不|没有|错误)"
_VERDICT = rf"(?:{_YES}|{_NO})"
_ALONE = re.compile(
    r"[\s(\[\"'“‘]*(?:我(?:认为|觉得|想))?"
    rf"(?:{_VERDICT}|(?P<y>y|affirmative|有的|可以的)|(?P<n>n|nah|negative|错))"
    r"[\s)\]\"'”’.!,。;:]*",
    re.IGNORECASE,
)
_SURELY = (
    r"(?:absolutely|certainly|definitely|of\s+course|sure(?:ly)?|indeed|apparently"
    r"|(?:most\s+)?(?:probably|likely))"
)
_ELLIPTIC = re.compile(
    rf"(?:{_SURELY}\W+)?(?:it|they|he|she|there|this|that)\s+"
    r"(?:is|are|was|were|does|do|did|has|have|can|will|would)(?P<no>\s*(?:not|n['’]t)|(?<=can)['’]t)?"
    r"(?:\s+(?:correct|true|right|so|the\s+case|(?P<im>im)?possible))?"
    r"|it\s+(?:seems|appears|looks)\s+(?:so|(?P<seems_not>not))"
    r"|(?P<not_possible>im|not\s+)?possible"
    rf"|{_SURELY}(?P<surely_not>\s+not)?"
    r"|I\s+(?P<doubt>do(?:n['’]t|\s+not)\s+)?(?:think|believe)\s+so"
    r"|(?P<hardly>not\s+(?:really|at\s+all)|no\s+way|by\s+no\s+means)"
    r"|(?:可以|能够?|存在)[^看判确,]{0,6}|(?P<cannot>不(?:可以|能够?|存在))[^看判确,]{0,6}",
    re.IGNORECASE,
)
"""Short sentences that say yes; with any of the groups they say no."""
_ECHO = re.compile(r"[(\[]?\b(?:yes\s+or\s+no|yes/no)\b[)\]]?\s*[:?]|是或否\s*[:?]", re.IGNORECASE)
_SIGHT = re.compile(r"\b(?:see|view|find|locat|identif)\Z", re.IGNORECASE)
"""What cannot be seen is not there, if a verdict says so: "No, I cannot see any"."""
_HEDGE = re.compile(
    r"\byes\s*(?:and|or|/|&|\|)\s*no\b|\bno\s*(?:and|or|/|&|\|)\s*yes\b|是或否|是否"
    r"|\A\W*(?:yes\W+no|no[,\s]+yes)(?:\W+maybe)?\W*\Z",
    re.IGNORECASE,
)
_IN_FRONT = re.compile(
    rf"(?:(?:well|so|wait|hmm|actually|therefore|hence|thus|in short)\W+)*{_VERDICT}"
    r"(?=\s*(?:[,.;:!。\-–—(]|$)|\s+(?:it|they|he|she|there|this|that|the|because|since)\b)",
    re.IGNORECASE,
)
_AT_END = re.compile(
    r"(?:\b(?:so|therefore|hence|thus|is|be|say|believe|think|answer|answered|with)\s*[:,]?\s*"
    rf"|[,;:]\s*)[\"'(]?{_VERDICT}[\"')]?\s*[.!。]?$",
    re.IGNORECASE,
)
_APART = re.compile(
    r"(?<![A-Za-z])(?:(?P<yes>yes|yeah|yep|yup)|(?P<no>nope|no(?!\s+[a-z])))(?![A-Za-z'’-])",
    re.IGNORECASE,
)


_IN_CHINESE = {"Yes": "是", "No": "否"}


class YesNoTask(Task):
    """A task whose answer is yes or no; its children differ in the words."""

    answer_kind = "yes_no"
    metrics = ACCURACY

    def render(self, answer: Answer, *, dialect: Dialect, size: PictureSize | None) -> str:
        """`Yes` or `No`."""
        assert isinstance(answer, YesNo)
        return "Yes" if answer.value else "No"

    def in_language(self, answer: str, *, language: str) -> str:
        """`是` or `否` in Chinese."""
        return _IN_CHINESE[answer] if language == "zh" else answer

    def read(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """The verdict of the text."""
        return read_yes_no(text)

    def score(self, answer: Answer, *, truth: Answer, size: PictureSize | None) -> dict[str, float]:
        """1 for the right verdict, else 0."""
        assert isinstance(answer, YesNo) and isinstance(truth, YesNo)
        return {"accuracy": float(answer.value == truth.value)}

    def best_constant(self, truths: Sequence[Truth]) -> Answer:
        """The commoner verdict; yes when both are equally common."""
        values = [t.answer.value for t in truths if isinstance(t.answer, YesNo)]
        return YesNo(2 * sum(values) >= len(values))


class _Verdict(NamedTuple):
    """Yes or no, the rule that found it, and the words that decided."""

    value: bool
    rule: str
    words: str


def read_yes_no(text: str) -> Parsed:
    """The verdict of a text: the last one that is stated as such."""
    answer = final_answer(text)
    if not answer.text:
        return unanswered(answer, note="no answer after the thinking")
    part = after_cue(_ECHO.sub(" ", answer.text))
    if _HEDGE.search(part):
        return Parsed(None, ParseStatus.AMBIGUOUS, "yes and no")
    found = _verdict(part)
    if found is None:
        refused = REFUSAL.search(part) is not None
        return unanswered(answer, note="a refusal" if refused else "neither yes nor no is stated")
    span = answer.tracked.span_of(found.words) or answer.span()
    rule = EXACT if text.strip() in ("Yes", "No") else answer.place or found.rule
    return Parsed(YesNo(found.value), ParseStatus.OK, rule=rule, span=span)


def _verdict(text: str) -> _Verdict | None:
    """The word alone; else the last sentence that begins or ends with it; else the only one."""
    if alone := _ALONE.fullmatch(text):
        return _Verdict((alone["yes"] or alone["y"]) is not None, "word alone", text)
    if elliptic := _ELLIPTIC.fullmatch(text.rstrip(" .!。")):
        return _Verdict(not any(elliptic.groups()), "short sentence", text)
    for sentence in reversed(sentences(text)):
        refusal = REFUSAL.search(sentence)
        if refusal and not (_SIGHT.search(refusal[0]) and _IN_FRONT.match(sentence)):
            return None
        if found := _AT_END.search(sentence) or _IN_FRONT.match(sentence):
            return _Verdict(found["yes"] is not None, "last verdict", sentence)
    apart = list(_APART.finditer(text))
    if len({match["yes"] is not None for match in apart}) != 1:
        return None
    return _Verdict(apart[-1]["yes"] is not None, "only verdict", apart[-1][0])
