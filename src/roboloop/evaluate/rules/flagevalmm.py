"""FlagEvalMM 0.3.5 (commit fef27ec): its default tasks over the text that its adapter stores.

What stands before the first `</think>` is taken for thinking. Answers that begin like an API's
refusal leave the mean. Choices: the first capital behind the last cue, after I, N, S and T have
been deleted by a character class that was meant to be a word. Points: parentheses of the last line,
whole numbers as pixels. Boxes: the headline counts IoU >= 0.1.
"""

from __future__ import annotations

import difflib
import re
from typing import ClassVar

from roboloop.evaluate.rules.base import Case, Rules, RuleScore
from roboloop.evaluate.rules.measures import (
    FORMULAS,
    Pixel,
    PixelBox,
    as_pixel,
    contains_gold,
    mean_level,
    relative_accuracy,
    scored,
    tuples_in,
    unit_box_score,
)
from roboloop.tasks.base import ParseStatus
from roboloop.tasks.numerals import spelled_numbers

WITHOUT = ("pope", "textvqa")
REJECTED = (
    "Error code",
    "Can not answer because of",
    "Input data may contain inappropriate content",
)
MIN_IOU = 0.1
MIN_LIKENESS = 0.7

_DELETED = re.compile(r"[INST/]")
_CHOICE_CUES = (
    "boxed", "Answer:", "Answer is", "answer is", "option is", "Correct option", "correct option",
    "Answer", "answer", "故选", "选择", "正确选项为", "答案选", "答案为", "答案是", "因此", "答案",
)  # fmt: skip
_CAPITAL = re.compile(r"[A-Z]")
_NUMBER = re.compile(r"\d+\.\d+|\d+")
_FOUR_NUMBERS = re.compile(r"\s*,?\s*".join([r"(-?\d+(?:\.\d+)?)"] * 4))

_WRONG = ("\\times", "不对", "不正确", "×")
_LATEX_TEXT = re.compile(r"\\text\s*\{(.*?)\}")
_SIGNS = {
    "√": "正确", "：": ":", "$": "", "（": "(", "）": ")", "，": ",", "。": ".", "变小": "减小",
    "变大": "增大", "路程": "距离", "\\pi": "π", "＞": ">", "＜": "<", "；": ";",
} | {circled: str(value) for value, circled in enumerate("①②③④⑤⑥⑦⑧⑨⑩", start=1)}  # fmt: skip
_WHOLE_ANSWERS = {
    "错": "错误", "对": "正确", "(F)": "F", "(T)": "T", "(正确)": "正确", "(错误)": "错误",
    "“T”": "T", "“F”": "F",
}  # fmt: skip
_BLANK_CUES = (
    "Answer:", "Answer is", "answer is", "Answer", "answer", "答案为", "答案是", "解是", "解为",
    "答案", "结果", "为", "因此", " = ",
)  # fmt: skip
_WITH_UNIT = re.compile(
    r"(\d+)(?:cm|m|km|mm|s|h|kg|g|l|ml|mol|厘米|米|千米|°|毫米|月|秒|小时|克|千克|升|毫升|摩尔)"
)


class FlagEvalMMRules(Rules):
    """FlagEvalMM's numbers; POPE and TextVQA it has not."""

    name: ClassVar[str] = "flagevalmm"
    title: ClassVar[str] = "FlagEvalMM 0.3.5"

    def score(self, case: Case) -> RuleScore | None:
        """What the answer is worth there."""
        if case.family in WITHOUT:
            return None
        _, thought_ends, behind = case.text.partition("</think>")
        text = behind if thought_ends else case.text
        if text.startswith(REJECTED):
            note = "dropped from the denominator"
            return RuleScore(None, status=ParseStatus.INFRA_ERROR, note=note)
        match case.kind:
            case "mcq":
                letter = choice(text)
                return scored(letter == case.gold_text.upper(), letter)
            case "numeric":
                value = number(text)
                score = relative_accuracy(value, truth=float(case.gold_text))
                return scored(score, "" if value is None else f"{value:g}")
            case "yesno":
                line = filled_blank(_last_line(text))
                return scored(line.lower().startswith(case.gold_text.lower()), line)
            case "point":
                return _points(text, case=case)
            case "bbox":
                found = _FOUR_NUMBERS.search(text)
                return unit_box_score(found, case=case, min_iou=MIN_IOU)
            case "text":
                return _text(text, case=case)


def choice(text: str) -> str:
    """The letter FlagEvalMM reads, or an empty text."""
    if len(text) == 1:
        return text.upper()
    kept = _DELETED.sub("", text.replace("The", "").replace("If", "")).strip()
    if re.match(r"[A-Z]\.", kept):
        return kept[0]
    cue = next((cue for cue in _CHOICE_CUES if cue in kept), None)
    capital = _CAPITAL.search(kept.rpartition(cue)[2] if cue else kept)
    return capital[0] if capital else ""


def number(text: str) -> float | None:
    """The first number behind the cue, without its sign; else one word that is a number."""
    plain = filled_blank(text)
    if found := _NUMBER.search(plain):
        return float(found[0])
    word = plain.partition(" ")[0].rstrip(".").strip()
    spelled = spelled_numbers(word)
    if len(spelled) == 1 and (spelled[0].start, spelled[0].end) == (0, len(word)):
        return spelled[0].value if word.isascii() else None
    return None


def filled_blank(text: str) -> str:
    """A text as FlagEvalMM compares it: signs made plain, and what follows the first cue found."""
    if "$" not in text:
        for wrong in _WRONG:
            text = text.replace(wrong, "错误")
    text = "\n".join(map(_without_latex, text.split("\n")))
    for sign, plain in _SIGNS.items():
        text = text.replace(sign, plain)
    text = _WHOLE_ANSWERS.get(text, text)
    cue = next((cue for cue in _BLANK_CUES if cue in text), None)
    text = (text.rpartition(cue)[2] if cue else text).strip().removeprefix(":")
    if text.endswith((".", ",", ":", ";")):
        text = text[:-1]
    unit = _WITH_UNIT.fullmatch(text)
    return (unit[1] if unit else text).strip()


def _without_latex(line: str) -> str:
    r"""`\text{...}` as what is in it; nothing is looked for behind the last closing brace."""
    end = line.rfind("}") + 1
    return _LATEX_TEXT.sub(r"\1", line[:end]) + line[end:]


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def _points(text: str, *, case: Case) -> RuleScore | None:
    if case.mask_levels is None:
        return None  # scored by a mask alone
    line = _last_line(text)
    if case.family == "robo_spatial":
        line = filled_blank(line)
    places: list[Pixel | PixelBox] = []
    for numbers in tuples_in(line):
        values = [float(each) for each in numbers]
        if len(values) == 2:
            scaled = any("." in each for each in numbers)
            places.append(_pixel(values[0], values[1], scaled=scaled, case=case))
        elif len(values) == 4:
            scaled = "." in numbers[0]
            near = _pixel(values[0], values[1], scaled=scaled, case=case)
            places.append(PixelBox(*near, *_pixel(values[2], values[3], scaled=scaled, case=case)))
    score = mean_level(places, levels=case.mask_levels, top=255.0)
    return scored(score, " ".join(str(tuple(place)) for place in places[:8]))


def _pixel(x: float, y: float, *, scaled: bool, case: Case) -> Pixel:
    return as_pixel(x, y, size=case.picture_size) if scaled else Pixel(int(x), int(y))


def _text(text: str, *, case: Case) -> RuleScore:
    if case.family == "ocrbench":
        formulas = case.subtask in FORMULAS
        found = contains_gold(text, gold=case.gold_texts, without_blanks=formulas)
        return scored(found, text)
    gold = filled_blank(case.gold_texts[0])
    lines = list(filter(None, map(filled_blank, text.split("\n"))))
    for line in lines:
        if difflib.SequenceMatcher(None, line, gold).ratio() > MIN_LIKENESS:
            return scored(1.0, line)
    return scored(0.0, "\n".join(lines))
