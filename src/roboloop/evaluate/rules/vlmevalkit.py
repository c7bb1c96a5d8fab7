"""VLMEvalKit (commit e8e78f0) without a judge, each benchmark under the class its name resolves to.

BLINK, CV-Bench, RealWorldQA and All-Angles: one letter among the last words, else one option's
text. The spatial benchmarks: tags, then the last lines from the bottom. ERQA: the whole text must
be the letter. RefSpatial: one point that hits is enough. RoboSpatial-Home: its parser of points
raises on every answer, which counts as wrong. A judge, which would be asked where no rule reads the
text, is not.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from roboloop.base.geometry import BoxPx, box_iou
from roboloop.evaluate.rules.base import Case, Rules, RuleScore
from roboloop.evaluate.rules.measures import (
    FORMULAS,
    contains_gold,
    relative_accuracy,
    scored,
    vqa_accuracy,
    vqa_words,
    without_vqa_marks,
)
from roboloop.tasks.base import LETTERS

WITHOUT = ("egoplan", "sat", "where2place")
INFERRED = ("blink", "cvbench", "realworldqa", "all_angles")
MIN_IOU = 0.5
TAIL_CHARS, TAIL_LINES, TAIL_WORDS = 800, 6, 4

_REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
_TO_BLANKS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_STATED = re.compile(r"(?:correct\s+)?answer\s+is\s+\**([ABCD])\**", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\u200b\u200c\u200d\ufeff]")
_END_OF_THOUGHT = re.compile(r"</\s*think\s*>", re.IGNORECASE)
_START_OF_THOUGHT = re.compile(r"<\s*think\s*>", re.IGNORECASE)
_ANSWER_TAG = re.compile(r"<\s*answer\b[^<>]*>\s*([A-J])", re.IGNORECASE)
_ANSWER_END = re.compile(r"<\s*/\s*answer\s*>", re.IGNORECASE)
_OPTION_LINE = re.compile(r"(?:[*_>\-\s]*)(?:option|选项)\s+[A-J]\s*[:：]", re.IGNORECASE)
_LETTER_LINE = re.compile(r"\s*[*_`>（）\[\]【】()]*\s*([A-Fa-f])\s*[*_`（）\[\]【】()]*\s*")
_LABELLED_LINE = re.compile(r"\s*([A-F])\s*[\.．:：)\]】、-]\s+", re.IGNORECASE)
_LONE_CAPITAL = re.compile(
    r"(?<![A-Za-z])([A-F])\s*[*_`）\]})]*(?=$|[\s.,:;!?)\]】》」』，。；、：）])"
)
_NUMBER = re.compile(r"[-+]?(?:\d*\.\d+|\d+)(?:[eE][-+]?\d+)?")
_TAGGED_NUMBER = re.compile(
    rf"<\s*answer\b[^<>]*>\s*({_NUMBER.pattern})(?:[^\d<][^<]*)?<\s*/\s*answer\s*>", re.IGNORECASE
)
_TO_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
)
_VALUES = {word: str(value) for value, word in enumerate(_TO_TWENTY.split())}
_NUMBER_WORD = re.compile(rf"\b({'|'.join(_VALUES)})\b", re.IGNORECASE)
_FENCE = re.compile(r"```(?:json)?\n(.*?)```", re.DOTALL)
_XML_POINTS = re.compile(r"<points\s+([^<>]*)/>")
_XML_PAIR = re.compile(r'x\d+="([\d.]+)"\s+y\d+="([\d.]+)"')
_PAIR = re.compile(r"\(\s*([\d.]+)\s*,\s*([\d.]+)\s*\)")
_ANY_NUMBER = r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)"
_BOX = re.compile(r"\[\s*" + r"(?:\s*,\s*|\s+)".join([_ANY_NUMBER] * 4) + r"\s*\]")


class VLMEvalKitRules(Rules):
    """VLMEvalKit's numbers; EgoPlan-Bench2, SAT and Where2Place it has not."""

    name: ClassVar[str] = "vlmevalkit"
    title: ClassVar[str] = "VLMEvalKit e8e78f0"

    def score(self, case: Case) -> RuleScore | None:
        """What the answer is worth there."""
        if case.family in WITHOUT or (case.family == "realworldqa" and case.kind == "text"):
            return None
        match case.kind:
            case "mcq":
                letter = _choice(case)
                return scored(letter == case.gold_text.upper(), letter)
            case "numeric":
                value = last_number(case.text)
                score = relative_accuracy(value, truth=float(case.gold_text))
                return scored(score, "" if value is None else f"{value:g}")
            case "yesno":
                return _yes_no(case)
            case "point":
                return _points(case)
            case "bbox":
                return _box(case)
            case "text":
                return _text(case)


def _choice(case: Case) -> str:
    if case.family == "erqa":
        return case.text.strip().upper()
    letters = LETTERS[: len(case.options)] or LETTERS[:4]
    if case.family in INFERRED:
        return inferred(case.text, letters=letters, options=case.options)
    return from_the_bottom(case.text, letters=letters)


def inferred(text: str, *, letters: str, options: tuple[str, ...]) -> str:
    """One letter among the last words, else a statement, else the one option that is there."""
    if "Failed to obtain answer via API" not in text:
        if any(refusal in text for refusal in _REFUSALS):
            return "Z"
        words = text.translate(_TO_BLANKS).split()
        named = [letter for letter in letters if letter in words]
        if len(named) == 1 and words.index(named[0]) >= len(words) - TAIL_WORDS:
            return named[0]
        if not named and "Z" in words:
            return "Z"
        stated = _STATED.search(text)
        if stated and stated[1].upper() in letters:
            return stated[1].upper()
    plain = text.lower()
    if len(plain) > 2 * sum(map(len, options)):
        return ""
    held = [LETTERS[i] for i, option in enumerate(options) if option.lower() in plain]
    return held[0] if len(held) == 1 else ""


def from_the_bottom(text: str, *, letters: str) -> str:
    """The reader of the spatial benchmarks: answer tag, then the last lines, then phrases."""
    text = _INVISIBLE.sub("", text.strip())
    tag = _ANSWER_TAG.search(text)
    if tag and _ANSWER_END.search(text, tag.end()):
        return tag[1].upper()
    tail = text[-TAIL_CHARS:]
    for name in ("answer", "think"):
        before = rf"(?<![A-Za-z])[(\[{{（【]?\s*([{letters}])\s*[)\]}}）】]?\s*</\s*{name}\s*>"
        if closed := re.search(before, tail, re.IGNORECASE):
            return closed[1].upper()
    marks = list(_END_OF_THOUGHT.finditer(text)) or list(_START_OF_THOUGHT.finditer(text))
    behind = text[marks[-1].end() :].strip() if marks else text
    for part in (behind, tail):
        if letter := _last_line_letter(part):
            return letter
    phrase = (
        r"(?:final\s*answer|the\s*answer\s*is|answer(?:\s*is)?|correct\s*answer|"
        r"答案|最终答案|结论|所以|因此|我选(?:择)?|选择|选)\s*(?:[:：>＝=]\s*)?(?:[(\[{（【]\s*)?"
        rf"([{letters}])\s*[)\]}}）】]?(?:\b|[.)、。])"
    )
    if found := re.search(phrase, text, re.IGNORECASE):
        return found[1].upper()
    kept = "\n".join(line for line in text.splitlines() if not _OPTION_LINE.match(line))
    apart = rf"(?<![A-Za-z])([{letters}])\s*[)\]}}）】]?(?![A-Za-z])"
    named = set(re.findall(apart, kept))
    return named.pop() if len(named) == 1 else ""


def _last_line_letter(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()[-TAIL_LINES:]]
    for line in reversed(list(filter(None, lines))):
        if _OPTION_LINE.match(line):
            continue
        if found := _LETTER_LINE.fullmatch(line) or _LABELLED_LINE.match(line):
            return found[1].upper()
        named = set(_LONE_CAPITAL.findall(line))
        if len(named) == 1:
            return named.pop()
    return ""


def last_number(text: str) -> float | None:
    """The number in the answer tag, else the last one after the thinking, else of the whole."""
    if text.strip().startswith("[") and text.strip().endswith("]"):
        text = _first_item(text.strip())
    text = _NUMBER_WORD.sub(lambda word: _VALUES[word[0].lower()], _INVISIBLE.sub("", text.strip()))
    if tagged := _TAGGED_NUMBER.search(text):
        return float(tagged[1])
    marks = list(_END_OF_THOUGHT.finditer(text)) or list(_START_OF_THOUGHT.finditer(text))
    behind = text[marks[-1].end() :] if marks else text
    numbers = _NUMBER.findall(behind) or _NUMBER.findall(text)
    return float(numbers[-1]) if numbers else None


def _first_item(text: str) -> str:
    try:
        items: Any = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return str(items[0]) if isinstance(items, list) and items else text


def _yes_no(case: Case) -> RuleScore:
    gold = case.gold_text.strip().lower()
    if case.family == "pope":
        words = without_vqa_marks(case.text.lower()).split()
        said = {word for word in ("yes", "no") if word in words}
        return scored(said == {gold}, " ".join(sorted(said)))
    said = case.text.strip().lower()
    return scored(said.startswith(gold), said)


def _points(case: Case) -> RuleScore | None:
    if case.family == "robo_spatial":
        return scored(0.0, "", note="its parser of points raises on every answer")
    if case.mask_levels is None:
        return None  # scored by a mask alone
    height, width = case.mask_levels.shape
    places = list(_unit_points(case.text))
    hit = False
    for x, y in places:
        column, row = (
            max(0, min(int(x * width), width - 1)),
            max(0, min(int(y * height), height - 1)),
        )
        hit = hit or bool(case.mask_levels[row, column] > 0)
    return scored(hit, " ".join(f"({x:g}, {y:g})" for x, y in places[:8]))


def _unit_points(text: str) -> Iterator[tuple[float, float]]:
    """JSON, else a `<points .../>` tag, else pairs in parentheses; above 1 is another frame."""
    listed = list(_json_points(text))
    if listed:
        yield from listed
        return
    tag = _XML_POINTS.search(text)
    pairs = _XML_PAIR.findall(tag[1]) if tag else []
    for x, y in pairs:
        if (point := _floats(x, y)) is not None:
            yield _scaled(*point, by=100.0)
    if pairs:
        return
    for x, y in _PAIR.findall(text):
        if (point := _floats(x, y)) is not None:
            yield point


def _json_points(text: str) -> Iterator[tuple[float, float]]:
    fence = _FENCE.search(text.strip())
    try:
        data: Any = json.loads(fence[1].strip() if fence else text.strip())
    except (ValueError, RecursionError):
        return
    for item in data if isinstance(data, list) else [data]:
        given: Any = item
        y_first = False
        if isinstance(item, dict):
            y_first = "point_2d" not in item
            given = item.get("point_2d", item.get("point"))
        if not isinstance(given, list) or len(given) != 2:
            continue
        if all(isinstance(value, int | float) for value in given):
            first, second = map(float, given)
            yield _scaled(*((second, first) if y_first else (first, second)), by=1000.0)


def _scaled(x: float, y: float, *, by: float) -> tuple[float, float]:
    return (x / by, y / by) if x > 1 or y > 1 else (x, y)


def _floats(x: str, y: str) -> tuple[float, float] | None:
    try:
        return (float(x), float(y))
    except ValueError:
        return None


def _box(case: Case) -> RuleScore:
    found = _BOX.search(case.text)
    numbers = found.groups() if found else re.findall(_ANY_NUMBER, case.text)[:4]
    if len(numbers) < 4:
        return scored(0.0, "")
    corners = np.array([float(number) for number in numbers])
    width, height = case.picture_size
    largest = float(np.abs(corners).max())
    if largest <= 1000:
        corners = corners * (width, height, width, height) / (1 if largest <= 1.5 else 1000)
    xs = sorted(np.clip(corners[0::2], 0, width).tolist())
    ys = sorted(np.clip(corners[1::2], 0, height).tolist())
    box: BoxPx = (xs[0], ys[0], xs[1], ys[1])
    iou = box_iou(box, second_px=case.gold_box_px)
    return scored(iou >= MIN_IOU, "[" + ", ".join(f"{side:.1f}" for side in box) + "]")


def _text(case: Case) -> RuleScore:
    if case.family == "textvqa":
        said = vqa_words(case.text)
        return scored(vqa_accuracy(said, given=[vqa_words(g) for g in case.gold_texts]), said)
    formulas = case.subtask in FORMULAS
    found = contains_gold(case.text, gold=case.gold_texts, without_blanks=formulas)
    return scored(found, case.text.strip())
