"""lmms-eval 0.7.3: its default tasks, thinking stripped as its command line does.

Each task brings a reader of its own; CV-Bench and EmbSpatial take the first letter of the text
(`The answer ...` is T), OmniSpatial its first character, SAT its first word. Points: all `(x, y)`,
whole numbers times the width; RoboSpatial wants a fenced list of `point_2d` in thousandths.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from roboloop.evaluate.rules.base import Case, Rules, RuleScore
from roboloop.evaluate.rules.measures import (
    FORMULAS,
    Pixel,
    as_pixel,
    contains_gold,
    mean_level,
    relative_accuracy,
    scored,
    tuples_in,
    unit_box_score,
    vqa_accuracy,
    vqa_words,
)
from roboloop.evaluate.rules.published import backtick_choice, egoplan_choice
from roboloop.tasks.base import LETTERS

WITHOUT = ("all_angles",)
MIN_IOU = 0.5
FULLWIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_FIRST_LETTER = re.compile(r"[(\s]*([A-Za-z])")
_FENCE = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
_ANSWER_END = re.compile("</answer>", re.IGNORECASE)
_ANSWER_TAG = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_FOUR_NUMBERS = re.compile(r"\[\s*" + r",\s*".join([r"(-?\d+(?:\.\d+)?)"] * 4) + r"\s*\]")
_FIRST_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = (
    {word: value for value, word in enumerate(_ONES.split())}
    | {word: 10 * value for value, word in enumerate(_TENS.split(), start=2)}
    | {"hundred": 100, "thousand": 1000}
)
_PHRASES = (
    "the answer is", "answer is", "the correct answer is", "correct answer is",
    "the best answer is", "best answer is", "the correct option is", "correct option is",
    "the best option is", "best option is", "the choice is", "choice is", "the correct choice is",
    "correct choice is", "i choose", "i select", "i pick", "my answer is", "my choice is", "옵션",
    "정답은", "답은", "답:", "答案是", "答案为", "选", "答えは",
)  # fmt: skip


class LmmsEvalRules(Rules):
    """lmms-eval's numbers; All-Angles it has not."""

    name: ClassVar[str] = "lmms_eval"
    title: ClassVar[str] = "lmms-eval 0.7.3"

    def score(self, case: Case) -> RuleScore | None:
        """What the answer is worth there."""
        if case.family in WITHOUT:
            return None
        text = without_thought(case.text)
        match case.kind:
            case "mcq":
                read = _CHOICES.get(case.family)
                if read is None:
                    return None
                letter = read(text, case)
                return scored(letter.upper() == case.gold_text.upper(), letter)
            case "numeric":
                value = first_number(text)
                score = relative_accuracy(value, truth=float(case.gold_text))
                return scored(score, "" if value is None else f"{value:g}")
            case "yesno":
                return _yes_no(text, case=case)
            case "point":
                return _points(text, case=case)
            case "bbox":
                found = _FOUR_NUMBERS.search(text)
                return unit_box_score(found, case=case, min_iou=MIN_IOU)
            case "text":
                return _text(text, case=case)


def without_thought(text: str) -> str:
    """The text without `<think>...</think>`; what a lone end tag closes goes, too."""
    start, end = "<think>", "</think>"
    while start in text and end in text:
        opened = text.find(start)
        closed = text.find(end, opened)
        if closed < 0:
            break
        text = text[:opened] + text[closed + len(end) :]
    if end in text and start not in text:
        text = text.rpartition(end)[2]
    return text.strip()


def _staged(text: str, case: Case) -> str:
    """BLINK: the letter alone on the first line, the last statement, the last `(X)`, the start."""
    letters = LETTERS[: len(case.options)] or LETTERS
    text = text.strip()
    first = text.partition("\n")[0].strip()
    flags = re.IGNORECASE
    if len(first) <= 4 and (alone := re.match(rf"\(?([{letters}])\)?[.\s:,)]*$", first, flags)):
        return alone[1].upper()
    stated = rf"answers?(?:\s+is)?\s*[:\-]?\s*\(?([{letters}])\)?(?![A-Za-z])"
    if found := re.findall(stated, text, flags):
        return found[-1].upper()
    if found := re.findall(rf"\(([{letters}])\)", text):
        return found[-1]
    start = re.match(rf"[(\s]*([{letters}])", text, flags)
    return start[1].upper() if start else ""


def _first_letter(text: str, case: Case) -> str:
    found = _FIRST_LETTER.match(text.strip())
    return found[1].upper() if found else ""


def _ranked(text: str, case: Case) -> str:
    """ERQA, RealWorldQA: every way to name a letter, ranked; of equal rank the last in the text."""
    if not text.strip():
        return ""
    text = text.strip()
    for sign in ",.!?;:'\"":
        text = text.strip(sign)
    stripped, text = text.strip(), f" {text} "
    lowered = text.lower()
    found: list[tuple[int, int, str]] = []
    for letter in "ABCD":
        for rank, form in ((6, "({})"), (5, "{}."), (4, "{}:"), (3, "{})"), (2, "{} ")):
            if (place := text.rfind(form.format(letter))) >= 0:
                found.append((rank, place, letter))
        for phrase in _PHRASES:
            if (start := lowered.find(phrase)) >= 0:
                place = text.find(letter, start + len(phrase))
                if place >= 0:
                    found.append((7, place, letter))
        if stripped.startswith(letter) and not stripped[1:2].isalpha():
            found.append((10, 0, letter))
        if stripped.endswith(letter) and not stripped[-2:-1].isalpha():
            found.append((9, len(text) - 1, letter))
    if not found:
        found = [(0, text.rfind(letter), letter) for letter in "ABCD" if letter in text]
    return max(found, key=lambda each: each[:2])[2] if found else ""


def _first_character(text: str, case: Case) -> str:
    return _inner(text)[:1].upper()


def _first_word(text: str, case: Case) -> str:
    return re.sub(r"[^\w\s]", "", text).strip().split(" ")[0]


def _first_token(text: str, case: Case) -> str:
    return text.split(" ")[0].rstrip(".").strip()


_CHOICES: dict[str, Callable[[str, Case], str]] = {
    "blink": _staged,
    "cvbench": _first_letter,
    "embspatial": _first_letter,
    "egoplan": lambda text, case: egoplan_choice(text, all_phrases=False),
    "erqa": _ranked,
    "mmsi": lambda text, case: backtick_choice(text, letters="A-Fa-f"),
    "omni_spatial": _first_character,
    "realworldqa": _ranked,
    "sat": _first_word,
    "vsibench": _first_token,
}


def _inner(text: str) -> str:
    """What follows the last end of a thought; of that the first answer tag, if there is one."""
    for end in ("</think>", "</thought>"):
        text = text.partition(end)[2] if end in text else text
    tag = _ANSWER_TAG.search(text) if _ANSWER_END.search(text) else None
    return (tag[1] if tag else text).strip()


def first_number(text: str) -> float | None:
    """The first number, in digits or in English words, whichever comes first."""
    text = text.strip().lower()
    digits = _FIRST_NUMBER.search(text)
    words: list[int] = []
    start = len(text)
    for match in re.finditer(r"[a-z]+", text):
        if match[0] in _WORDS:
            start = match.start() if not words else start
            words.append(_WORDS[match[0]])
        elif words and match[0] != "and":
            break
    if digits and digits.start() < start:
        return float(digits[0])
    if not words:
        return None
    total = part = 0.0
    for value in words:
        if value == 100:
            part = max(part, 1.0) * 100
        elif value == 1000:
            total, part = total + max(part, 1.0) * 1000, 0.0
        else:
            part += value
    return total + part


def _yes_no(text: str, *, case: Case) -> RuleScore:
    gold = case.gold_text.strip().lower()
    if case.family == "pope":
        said = text.lower().strip()
        return scored(said == gold, said)
    line = _inner(text).strip().lower().split("\n")[-1]
    other = "no" if gold == "yes" else "yes"
    return scored(gold in line and other not in line, line)


def _points(text: str, *, case: Case) -> RuleScore | None:
    if case.mask_levels is None:
        return None  # scored by a mask alone
    size = case.picture_size
    if case.family == "robo_spatial":
        places = _listed_points(_inner(text), case=case)
        lit = (case.mask_levels > 0).astype(np.uint8)
        hits = [mean_level([place], levels=lit, top=1.0) for place in places]
        return scored(max(hits, default=0.0), " ".join(str(tuple(p)) for p in places[:8]))
    pairs = [numbers for numbers in tuples_in(text) if len(numbers) == 2]
    places = [as_pixel(float(x), float(y), size=size) for x, y in pairs]
    lit = np.round(case.mask_levels / 255.0).astype(np.uint8)
    score = mean_level(places, levels=lit, top=1.0)
    return scored(score, " ".join(str(tuple(place)) for place in places[:8]))


def _listed_points(text: str, *, case: Case) -> list[Pixel]:
    """The `point_2d` of a fenced JSON list, in thousandths."""
    fence = _FENCE.search(text)
    try:
        items: Any = json.loads(fence[1].strip()) if fence else []
    except (ValueError, RecursionError):
        return []
    places: list[Pixel] = []
    for item in items if isinstance(items, list) else []:
        pair: Any = item.get("point_2d") if isinstance(item, dict) else None
        if isinstance(pair, list) and len(pair) == 2:
            if not all(isinstance(value, int | float) for value in pair):
                return []
            places.append(as_pixel(pair[0] / 1000, pair[1] / 1000, size=case.picture_size))
    return places


def _text(text: str, *, case: Case) -> RuleScore:
    if case.family == "textvqa":
        said = vqa_words(text)
        return scored(vqa_accuracy(said, given=[vqa_words(g) for g in case.gold_texts]), said)
    if case.family == "ocrbench":
        formulas = case.subtask in FORMULAS
        said = text if formulas else text.translate(FULLWIDTH)
        gold = [g if formulas else g.translate(FULLWIDTH) for g in case.gold_texts]
        return scored(contains_gold(said, gold=gold, without_blanks=formulas), text)
    said = text.lower().strip().rstrip(".")
    return scored(said == case.gold_texts[0].strip().lower(), said)
