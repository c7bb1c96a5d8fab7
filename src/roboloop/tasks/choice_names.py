"""Which options a piece of text names: by their letters, or by their texts."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from roboloop.tasks import choice_phrases as phrases
from roboloop.tasks.base import LETTERS
from roboloop.tasks.numerals import convert, digits_for_words, only_number


class Offered(NamedTuple):
    """What one may choose from: the letters, and the texts behind them where they are known."""

    letters: str
    options: Sequence[str] = ()


class _Span(NamedTuple):
    start: int
    end: int
    letter: str


def same_options(text: str, options: Sequence[str]) -> list[str]:
    """Letters of the options whose text this is.

    Case, marks, articles and number words do not matter; nor does the unit of a number, the thing
    in "the blue one", and of what in "none of them".
    """
    plain = _plain(text)
    plains = [_option(option, index) for index, option in enumerate(options)]
    same = [LETTERS[index] for index, option in enumerate(plains) if plain and plain == option]
    return same or _same_quantity(text, options) or _one_apart(text, plains)


def named_options(sentence: str, offered: Offered) -> list[str]:
    """The letters of the options a sentence names, in its order.

    "the left one (B)" is one name, and its letter counts, for a letter is what was asked for.
    Letters in brackets and options' texts count before letters that merely stand apart. Of texts
    those count that the sentence does not deny.
    """
    tokens = [t for t in phrases.LETTER.finditer(sentence) if _is_option(t, offered.letters)]
    named = {t.start(): t["upper"] for t in tokens if t["open"] and t["close"]}
    spans = _option_spans(sentence, offered.options)
    if not spans and not tokens:
        spans = _option_spans(digits_for_words(sentence), offered.options)
    for span in _affirmed(spans, sentence):
        behind = phrases.BEHIND.match(sentence, span.end)
        named[span.start] = behind[1] if behind and behind[1] in offered.letters else span.letter
    named = named or {t.start(): t["upper"] for t in tokens}
    return [letter for _, letter in sorted(named.items())]


def _is_option(token: re.Match[str], letters: str) -> bool:
    """Whether a capital letter stands for an option, and is no article or pronoun."""
    if token["upper"] not in letters or (token["open"] and token["close"]):
        return token["upper"] in letters
    following = (token["next"] or "").strip()
    is_article = token["upper"] == "A" and following and following not in phrases.AFTER_LETTER
    return token["upper"] != "I" and not is_article


def _affirmed(spans: Sequence[_Span], sentence: str) -> list[_Span]:
    """The spans that no "not" stands before; a "not" may belong to an option itself."""
    denied: list[_Span] = []
    for match in phrases.RULED_OUT.finditer(sentence):
        if not any(span.start <= match.start() < span.end for span in spans):
            denied += [span for span in spans if match.start() <= span.start < match.end()]
    return [span for span in spans if span not in denied]


def _same_quantity(text: str, options: Sequence[str]) -> list[str]:
    """The option that is the same number, whatever unit either is written in."""
    said = only_number(text)
    if said is None:
        return []
    offered = [only_number(option) for option in options]
    return [
        LETTERS[index]
        for index, number in enumerate(offered)
        if number is not None
        and abs(convert(said.value, unit=said.unit, to=number.unit) - number.value) < 1e-9
    ]


def _one_apart(text: str, plains: Sequence[str]) -> list[str]:
    """The option meant by "the blue one" among cups, or by "none of them"."""
    bare = text.strip(" .!。").casefold()
    if phrases.NONE_OF.fullmatch(bare):
        return [
            LETTERS[index] for index, plain in enumerate(plains) if phrases.NONE_OF.match(plain)
        ]
    if (apart := phrases.SOME_ONE.fullmatch(bare)) is None:
        return []
    words = apart[1].split()
    held = [plain for plain in plains if all(word in plain.split() for word in words)]
    if len(held) == 1 and (apart["one"] or _differ_in(words, held[0], plains)):
        return [LETTERS[plains.index(held[0])]]
    return []


def _differ_in(words: Sequence[str], option: str, plains: Sequence[str]) -> bool:
    """Whether another option is the same but for these words: `blue cup` and `red cup`."""
    common = [word for word in option.split() if word not in words]
    rest = (plain.split() for plain in plains if plain != option)
    return bool(common) and any(
        len(other) == len(option.split()) and [w for w in other if w in common] == common
        for other in rest
    )


def _option_spans(text: str, options: Sequence[str]) -> list[_Span]:
    """Where options' texts stand as whole words; a longer one hides a shorter one inside it."""
    taken: list[_Span] = []
    for index in sorted(range(len(options)), key=lambda i: -len(options[i])):
        words = _option(options[index], index).split()
        found = re.finditer(_spelled(words), text, re.IGNORECASE) if words else ()
        spans = (_Span(match.start(), match.end(), LETTERS[index]) for match in found)
        taken = sorted([*taken, *(span for span in spans if _is_free(span, taken))])
    return taken


def _spelled(words: Sequence[str]) -> str:
    """The pattern of these words, perhaps with articles; Chinese has no blanks between words."""
    before = r"(?<!\w)" if words[0][0].isascii() else ""
    after = r"(?!\w)" if words[-1][-1].isascii() else ""
    return before + r"\W+(?:(?:the|an?)\W+)?".join(map(re.escape, words)) + after


def _is_free(span: _Span, taken: Sequence[_Span]) -> bool:
    """Whether a span overlaps none of `taken`, which are sorted and apart from one another."""
    place = bisect_left(taken, span)
    return all(
        span.end <= other.start or other.end <= span.start
        for other in taken[max(0, place - 1) : place + 1]
    )


@lru_cache(maxsize=4096)
def _option(option: str, index: int) -> str:
    """An option's text in plain words, without its own letter in front."""
    return _plain(re.sub(rf"^\(?{LETTERS[index]}[.:)]\s*", "", option.strip()))


def _plain(text: str) -> str:
    """Small letters, digits and single spaces only; number words as digits; without articles.

    An "a" at the start may be a letter.
    """
    words = digits_for_words(text.casefold())
    words = re.sub(r"[^\w.+-]+|[.](?!\d)|(?<=[^\W\d])-(?=[^\W\d])", " ", words)
    return re.sub(r"(?:^|(?<=\s))(?:the|an)\s+|(?<=\s)a\s+", "", " ".join(words.split()))
