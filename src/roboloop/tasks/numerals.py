"""Numbers as models write them: digits, words, Chinese numerals, with units."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = {word: value for value, word in enumerate(_ONES)} | {
    word: 10 * (value + 2) for value, word in enumerate(_TENS)
}
_LARGE = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 1_000_000}
_HAN_SMALL = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {
    "两": 2,
    "〇": 0,
}
_HAN_LARGE = {"十": 10, "百": 100, "千": 1000, "万": 10000}

_WORD = "|".join((*_SMALL, *_LARGE))
_ABOUT = re.compile(
    r"^(?:about|around|approximately|roughly|some|约|大约)\s*|^[~≈]\s*", re.IGNORECASE
)
_ONE_WORD = re.compile(r"\s*(?:[^\W\d]+|°)?")
_METRES = {
    "mm": 0.001, "millimeter": 0.001, "毫米": 0.001,
    "cm": 0.01, "centimeter": 0.01, "厘米": 0.01,
    "m": 1.0, "meter": 1.0, "米": 1.0, "平方": 1.0,
    "km": 1000.0, "kilometer": 1000.0, "公里": 1000.0,
    "in": 0.0254, "inch": 0.0254, "ft": 0.3048, "foot": 0.3048,
}  # fmt: skip
_UNIT = (
    r"(?P<squared>square[\s-]+|sq\.?\s*|平方|平(?=米))?"
    r"(?P<unit>(?:centi|milli|kilo)?met(?:er|re)s?|inch(?:es)?|feet|foot|[cmk]?m"
    r"|in(?=\s*(?:[.,;)]|$))|ft|毫米|厘米|公里|米|平方(?![毫厘公米]))"
    r"(?P<power>\s*\^?\s*2|\s+squared\b)?(?![A-Za-z0-9])"
)
_SCALE = rf"(?:\s*(?P<scale>(?:{'|'.join(_LARGE)})\b|[百千万]))?"
_THOUSANDS = r"\d{1,3}(?:,\d{3})+|\d{1,3}(?:'\d{3})+(?!\d)|\d{1,2}(?:\ \d{3})+(?![\d.,])"
_DIGITS = re.compile(
    r"(?<![A-Za-z0-9_.])(?P<sign>[-+]?)(?:"
    r"(?P<fraction>(?:\d+\s+)?\d+/[1-9]\d*)(?![/\d])"
    r"|(?P<points>\d{1,3}(?:\.\d{3})+,\d+)|(?P<comma>\d+,\d{1,2})(?![,\d])"
    rf"|(?P<plain>(?:{_THOUSANDS}|\d+)(?:\.\d+)?(?:e[-+]?\d+)?|\.\d+)"
    r"(?:\s*[×x*]\s*10\s*\^\s*(?P<exponent>[-+]?\d{1,3}))?)"
    rf"(?!(?:st|nd|rd|th|D)\b){_SCALE}(?:\s*(?P<percent>%)|(?:\s*|-){_UNIT})?",
    re.IGNORECASE,
)
_WORDS = re.compile(
    rf"(?<!half\sa\s)\b(?P<words>(?:{_WORD})(?:(?:[\s-]+|\s+and\s+)(?:{_WORD}))*)"
    rf"(?:\s+point(?P<decimals>(?:\s+(?:{'|'.join(_ONES[:10])}))+))?(?P<half>\s+and\s+a\s+half)?\b"
    rf"(?:[\s-]*{_UNIT})?",
    re.IGNORECASE,
)
_HALF = re.compile(rf"(?:\bhalf\s+(?:an?\s+)?|半)(?:(?P<dozen>dozen\b)|{_UNIT})", re.IGNORECASE)
_HAN = re.compile(
    f"(?P<whole>[{''.join((*_HAN_SMALL, *_HAN_LARGE))}]+)"
    f"(?:点(?P<rest>[{''.join(_HAN_SMALL)}]+))?(?:{_UNIT}(?P<half>半)?)?"
)


class Written(NamedTuple):
    """A number in a text, where it stands, and its unit in a short form such as `cm` or `m2`."""

    value: float
    unit: str | None
    start: int
    end: int


def written_numbers(text: str) -> list[Written]:
    """All numbers written with digits, in the order of the text.

    `1,234` has a comma for thousands, `2,5` one for decimals; `2 1/2` is a fraction.
    """
    found = (Written(_value(m), _unit(m), m.start(), m.end()) for m in _DIGITS.finditer(text))
    return [number for number in found if math.isfinite(number.value)]


def spelled_numbers(text: str) -> list[Written]:
    """All numbers written with words or Chinese numerals, in the order of the text."""
    found = [Written(_spelled(m), _unit(m), m.start(), m.end()) for m in _WORDS.finditer(text)]
    found += [Written(_han(m), _unit(m), m.start(), m.end()) for m in _HAN.finditer(text)]
    found += [
        Written(6.0 if m["dozen"] else 0.5, _unit(m), m.start(), m.end())
        for m in _HALF.finditer(text)
    ]
    apart: list[Written] = []
    for number in sorted(found, key=lambda number: number.start):
        if math.isfinite(number.value) and number.start >= (apart[-1].end if apart else 0):
            apart.append(number)
    return apart


def only_number(text: str) -> Written | None:
    """The number that a text is, but for "about" and a word; None for any other text."""
    bare = _ABOUT.sub("", text.strip(" .。"))
    found = written_numbers(bare) or spelled_numbers(bare)
    if len(found) != 1 or found[0].start > 0:
        return None
    return found[0] if _ONE_WORD.fullmatch(bare, found[0].end) else None


def digits_for_words(text: str) -> str:
    """The text with `five` as `5`, so that both compare equal."""
    pieces: list[str] = []
    end = 0
    for number in spelled_numbers(text):
        unit = f" {number.unit}" if number.unit else ""
        pieces += (text[end : number.start], f"{number.value:g}{unit}")
        end = number.end
    return "".join(pieces) + text[end:]


def convert(value: float, *, unit: str | None, to: str | None) -> float:
    """A length or an area in another unit; as it is where either unit is unknown or unlike."""
    if unit is None or to is None or unit == to:
        return value
    source, target = _metres(unit), _metres(to)
    if source is None or target is None or unit.endswith("2") != to.endswith("2"):
        return value
    return value * source / target


def _metres(unit: str) -> float | None:
    """Metres in a unit of length, square metres in one of area."""
    factor = _METRES.get(_stem(unit.removesuffix("2")))
    return None if factor is None else factor**2 if unit.endswith("2") else factor


def _unit(match: re.Match[str]) -> str | None:
    if match.re is _DIGITS and match["percent"]:
        return "%"
    if not match["unit"]:
        return None
    metres = _METRES[_stem(match["unit"])]
    short = next(unit for unit in ("mm", "cm", "m", "km", "in", "ft") if _METRES[unit] == metres)
    return short + ("2" if match["squared"] or match["power"] or match["unit"] == "平方" else "")


def _stem(name: str) -> str:
    """The singular in American spelling: `centimetres` -> `centimeter`."""
    name = name.casefold().replace("metre", "meter")
    return {"inches": "inch", "feet": "foot"}.get(name, name.removesuffix("s"))


def _value(match: re.Match[str]) -> float:
    sign = -1.0 if match["sign"] == "-" else 1.0
    scale = match["scale"]
    if scale:
        sign *= _LARGE.get(scale.casefold()) or _HAN_LARGE[scale]
    if match["fraction"]:
        *whole, fraction = match["fraction"].split()
        above, below = fraction.split("/")
        return sign * (sum(map(float, whole)) + float(above) / float(below))
    if match["points"]:
        return sign * float(match["points"].replace(".", "").replace(",", "."))
    if match["comma"]:
        return sign * float(match["comma"].replace(",", "."))
    plain = float(re.sub(r"[,' ]", "", match["plain"]))
    return sign * plain * 10.0 ** int(match["exponent"] or 0)


def _spelled(match: re.Match[str]) -> float:
    total, part = 0.5 * (match["half"] is not None), 0.0
    if match["decimals"]:
        total += float("0." + "".join(str(_SMALL[w]) for w in match["decimals"].casefold().split()))
    for word in re.split(r"[\s-]+", match["words"].casefold()):
        if word in _SMALL:
            part += _SMALL[word]
        elif word in ("dozen", "hundred"):
            part = max(part, 1.0) * _LARGE[word]
        elif word in _LARGE:
            total, part = total + max(part, 1.0) * _LARGE[word], 0.0
    return total + part


def _han(match: re.Match[str]) -> float:
    signs, rest = match["whole"], match["rest"]
    decimals = float("0." + "".join(str(_HAN_SMALL[sign]) for sign in rest)) if rest else 0.0
    decimals += 0.5 * (match["half"] is not None)
    if not any(sign in _HAN_LARGE for sign in signs):
        return float("".join(str(_HAN_SMALL[sign]) for sign in signs)) + decimals
    total = part = digit = 0.0
    for sign in signs:
        if sign in _HAN_SMALL:
            digit = _HAN_SMALL[sign]
        elif sign == "万":
            total, part, digit = total + (part + digit) * 10000, 0.0, 0.0
        else:
            part, digit = part + max(digit, 1.0) * _HAN_LARGE[sign], 0.0
    return total + part + digit + decimals
