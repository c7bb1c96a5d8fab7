"""Finding the letter a text decides for.

The rules go from the plain to the vague, and the first that decides counts: the letter alone; an
option's text alone; the last explicit statement ("the answer is B"); a letter or an option in
front ("B. the left one"); the last claim ("B is the most likely"); the first sentence, when reasons
follow; the last sentence that names an option. Two letters where one is due are a hedge, a refusal
is no answer, and the article in "A person ..." is no letter.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from roboloop.records.answers import Choice
from roboloop.tasks import choice_phrases as phrases
from roboloop.tasks.base import EXACT, LETTERS, Parsed, ParseStatus, unanswered
from roboloop.tasks.final_answer import REFUSAL, final_answer, sentences
from roboloop.tasks.numerals import digits_for_words

_NEGATION = re.compile(r"(?:\bnot|n't)\s*$")
_NEXT_WORD = re.compile(r"\s+([a-z]+)")
_LAST_WORDS = re.compile(r"\w+\W+\w\W*$")
_LONGEST_NEGATION = 8


class Found(NamedTuple):
    """What one rule makes of a text.

    Attributes:
        letter: None when the rule sees that nothing is chosen; `note` then says why.
        rule: Its name.
        words: The words of the text that decided.
    """

    letter: str | None
    rule: str = ""
    words: str = ""
    note: str = ""
    status: ParseStatus = ParseStatus.OK


class Offered(NamedTuple):
    """What one may choose from: the letters, and the texts behind them where they are known."""

    letters: str
    options: Sequence[str] = ()


class _Span(NamedTuple):
    start: int
    end: int
    letter: str


def read_choice(text: str, *, letters: str, options: Sequence[str] = ()) -> Parsed:
    """The letter a text decides for.

    Args:
        text: What the model said.
        letters: The letters one may answer, such as `ABCD`.
        options: The texts behind the letters; may be empty.
    """
    answer = final_answer(text)
    if not answer.text:
        return unanswered(answer, note="no answer after the thinking")
    rules = (_alone, _option_alone, _stated, _in_front, _claimed, _at_first, _at_last, _ordinal)
    steps = (rule(answer.text, Offered(letters, options)) for rule in rules)
    nothing = Found(None, note="no option is chosen", status=ParseStatus.NO_ANSWER)
    found = next((step for step in steps if step is not None), nothing)
    if found.letter is None:
        return Parsed(None, found.status, found.note)
    span = answer.tracked.span_of(found.words) or answer.span()
    if found.letter not in letters:
        note = f"letter {found.letter} is not among {letters}"
        return Parsed(None, ParseStatus.OUT_OF_RANGE, note, found.rule, span)
    rule = EXACT if text.strip() == found.letter else answer.place or found.rule
    return Parsed(Choice(found.letter), ParseStatus.OK, found.note, rule, span)


def _hedge(note: str) -> Found:
    return Found(None, note=note, status=ParseStatus.AMBIGUOUS)


def _alone(text: str, offered: Offered) -> Found | None:
    """Nothing but a letter, perhaps in brackets, perhaps several times, perhaps `option b`."""
    if _same(text, offered.options):
        return None
    if match := phrases.ALONE.fullmatch(text) or phrases.NAMED_ALONE.fullmatch(text):
        return Found(match[1].upper(), "letter alone", text)
    pieces = [phrases.ALONE.fullmatch(piece) for piece in phrases.SEPARATORS.split(text) if piece]
    if len(pieces) > 1 and all(pieces):
        named = {piece[1].upper() for piece in pieces if piece}
        if len(named) == 1:
            return Found(named.pop(), "letter repeated", text, "the same letter several times")
        if named <= set(offered.letters):
            return _hedge("several letters, none chosen")
    return None


def _option_alone(text: str, offered: Offered) -> Found | None:
    """Nothing but the text of one option."""
    same = _same(text, offered.options)
    if len(same) != 1:
        return None
    return Found(same[0], "option text", text, "the option's text")


def _stated(text: str, offered: Offered) -> Found | None:
    """The last explicit statement, such as `Answer: B` or "B is correct"."""
    statements = [
        match
        for pattern in phrases.STATEMENTS
        for match in pattern.finditer(text)
        if not _is_article(text, match) and not _is_negated(text, match)
    ]
    if not statements:
        return None
    last = max(statements, key=lambda match: match.end())
    letter = _letter(last)
    if other := _alternative(text[last.end() :], letter, offered):
        return _hedge(f"{letter} or {other}: none chosen")
    whole = _LAST_WORDS.search(last[0])  # an option may read "Point B"
    same = _same(whole[0], offered.options) if whole else []
    return Found(same[0] if len(same) == 1 else letter, "answer statement", last[0])


def _in_front(text: str, offered: Offered) -> Found | None:
    """A letter or an option's text at the start, with a mark behind it: `B. the left one`."""
    heads = {head["upper"] for line in text.splitlines() if (head := _head(line))}
    plain = re.sub(rf"^(?i:{phrases.NOUN})(?=[A-Z](?:,|\s+because\b|\s+since\b))", "", text)
    first = _head(plain)
    if first and first["upper"] in offered.letters and heads <= {first["upper"]}:
        letter = first["upper"]
        if first["mark"] and len(set(re.findall(r"\(([A-Z])\)", plain.splitlines()[0]))) > 1:
            return _hedge("several options listed, none chosen")
        if other := _alternative(plain[first.end("upper") :], letter, offered):
            return _hedge(f"{letter} or {other}: none chosen")
        return Found(letter, "letter in front", plain.partition("\n")[0])
    opening = re.match(r"[^,.;:!\n]+(?=[,.;:!\n])", text)
    same = _same(opening[0], offered.options) if opening else []
    if opening is None or len(same) != 1:
        return None
    return Found(same[0], "option text", opening[0], "the option's text")


def _ordinal(text: str, offered: Offered) -> Found | None:
    """The only option that is named by its place: `the second one`."""
    places: set[int] = set()
    words = ""
    for match in phrases.ORDINAL.finditer(text):
        name = (match["word"] or match["digit"] or match["han"]).casefold()
        words = match[0]
        places.add(int(name[0]) - 1 if name[0].isdecimal() else phrases.PLACES[name])
    if len(places) != 1 or REFUSAL.search(text):
        return None
    return Found(LETTERS[places.pop()], "ordinal", words, "named by its place")


def _claimed(text: str, offered: Offered) -> Found | None:
    """The option that the last claim is about: "the second image is most similar, whereas ..."."""
    for sentence in reversed(sentences(text)):
        if REFUSAL.search(sentence):
            continue
        for clause in phrases.CONTRAST.split(sentence):
            if phrases.CLAIM.search(clause) and not phrases.DISCLAIMER.search(clause):
                if named := _named(clause, offered):
                    return Found(named[0], "claim", sentence, "claimed in a sentence")
                break
    return None


def _at_first(text: str, offered: Offered) -> Found | None:
    """The option of the first sentence, when the second begins to give the reasons."""
    first, *rest = sentences(text) or [""]
    if rest and phrases.REASON.match(rest[0]) and not REFUSAL.search(text):
        named = set(_named(phrases.REJECTED.sub(" ", first), offered))
        if len(named) == 1:
            return Found(named.pop(), "first sentence", first, "named in the first sentence")
    return None


def _at_last(text: str, offered: Offered) -> Found | None:
    """The option named by the last sentence that names any."""
    heads = [_head(line) for line in text.splitlines() if line.strip()][-2:]
    if len({head["upper"] for head in heads if head}) > 1:
        return _hedge("several options listed, none chosen")
    for sentence in reversed(sentences(text)):
        if REFUSAL.search(sentence):
            return Found(None, note="a refusal", status=ParseStatus.NO_ANSWER)
        if phrases.OTHERS.match(sentence):
            continue
        named = set(_named(phrases.REJECTED.sub(" ", sentence), offered))
        if len(named) == 1:
            return Found(named.pop(), "last sentence", sentence, "named in the last sentence")
        if named:
            return _hedge("several options, none chosen")
    return None


def _named(sentence: str, offered: Offered) -> list[str]:
    """The letters of the options a sentence names, in its order.

    "the left one (B)" is one name, and its letter counts, for a letter is what was asked for.
    Letters in brackets and options' texts count before letters that merely stand apart.
    """
    tokens = [t for t in phrases.LETTER.finditer(sentence) if _is_option(t, offered.letters)]
    named = {t.start(): t["upper"] for t in tokens if t["open"] and t["close"]}
    for span in _option_spans(sentence, offered.options):
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


def _is_article(text: str, statement: re.Match[str]) -> bool:
    """Whether the letter of a statement is the article of what follows: `Answer: A cup.`"""
    if text[statement.end() - 1] != "A":
        return False
    following = _NEXT_WORD.match(text, statement.end())
    return following is not None and following[1] not in phrases.AFTER_LETTER


def _is_negated(text: str, statement: re.Match[str]) -> bool:
    before = text[max(0, statement.start() - _LONGEST_NEGATION) : statement.start()]
    return _NEGATION.search(before) is not None


def _alternative(tail: str, letter: str, offered: Offered) -> str | None:
    """Another letter offered beside `letter`: " or C"."""
    other = phrases.ALTERNATIVE.match(tail)
    return other[1] if other and other[1] != letter and other[1] in offered.letters else None


def _head(line: str) -> re.Match[str] | None:
    return phrases.IN_FRONT.match(line.strip() + "\n")


def _letter(statement: re.Match[str]) -> str:
    found = statement.groupdict()
    return next(found[name] for name in ("upper", "bracketed", "lower") if found.get(name)).upper()


def _same(text: str, options: Sequence[str]) -> list[str]:
    """Letters of the options whose text this is, but for case, marks, articles, number words."""
    plain = _plain(text)
    return [LETTERS[i] for i, option in enumerate(options) if plain and plain == _option(option, i)]


def _option_spans(text: str, options: Sequence[str]) -> list[_Span]:
    """Where options' texts stand as whole words; a longer one hides a shorter one inside it."""
    taken: list[_Span] = []
    for index in sorted(range(len(options)), key=lambda i: -len(options[i])):
        words = _option(options[index], index).split()
        spelled = r"\W+".join(map(re.escape, words))
        found = re.finditer(rf"(?<!\w){spelled}(?!\w)", text, re.IGNORECASE) if words else ()
        spans = (_Span(match.start(), match.end(), LETTERS[index]) for match in found)
        taken = sorted([*taken, *(span for span in spans if _is_free(span, taken))])
    return taken


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
    """Small letters, digits and single spaces only; number words as digits; no leading article."""
    words = re.sub(r"[^\w.+-]+|[.](?!\d)", " ", digits_for_words(text.casefold()))
    return re.sub(r"^(?:the|an)\s+", "", " ".join(words.split()))
