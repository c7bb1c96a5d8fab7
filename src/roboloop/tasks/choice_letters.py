"""Finding the letter a text decides for.

The rules go from the plain to the vague, and the first that decides counts: the letter alone; an
option's text alone; the last explicit statement ("the answer is B"); a letter or an option in
front ("B. the left one"); the last claim ("B is the most likely"); the first sentence, when reasons
follow; the last sentence that names an option. Two letters where one is due are a hedge, a refusal
is no answer, and the article in "A person ..." is no letter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from roboloop.records.answers import Choice
from roboloop.tasks import choice_phrases as phrases
from roboloop.tasks.base import EXACT, LETTERS, Parsed, ParseStatus, unanswered
from roboloop.tasks.choice_names import Offered, named_options, same_options
from roboloop.tasks.final_answer import REFUSAL, final_answer, sentences

_NEGATION = re.compile(r"(?:\bnot|n't)(?:\s+(?:think|believe)(?:\s+that)?)?\s*$")
_NEXT_WORD = re.compile(r"\s+([a-z]+)")
_LAST_WORDS = re.compile(r"\w+\W+\w\W*$")
_LONGEST_NEGATION = 24
_BOTH = re.compile(r"\bboth\b|都", re.IGNORECASE)


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
    steps = (rule(answer.text, Offered(letters, options)) for rule in _RULES)
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
    if same_options(text, offered.options):
        return None
    *_, text = [part for part in text.split("?") if part.strip(" .")] or [text]  # "A or B? B."
    if match := phrases.ALONE.fullmatch(text) or phrases.NAMED_ALONE.fullmatch(text):
        return Found(match[1].upper(), "letter alone", text)
    parts = [part for part in phrases.SEPARATORS.split(text) if part]
    pieces = [phrases.ALONE.fullmatch(part) for part in parts]
    if len(pieces) > 1 and all(pieces) and parts[0] != "A:":
        named = {piece[1].upper() for piece in pieces if piece}
        if len(named) == 1:
            return Found(named.pop(), "letter repeated", text, "the same letter several times")
        if named <= set(offered.letters):
            return _hedge("several letters, none chosen")
    return None


def _option_alone(text: str, offered: Offered) -> Found | None:
    """Nothing but the text of one option."""
    same = same_options(text, offered.options)
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
    same = same_options(whole[0], offered.options) if whole else []
    return Found(same[0] if len(same) == 1 else letter, "answer statement", last[0])


def _stated_text(text: str, offered: Offered) -> Found | None:
    """The option whose text the last "the answer is ..." goes on with."""
    for sentence in reversed(sentences(text)):
        *_, cue = [None, *phrases.DECIDED.finditer(sentence)]
        if cue is None or REFUSAL.search(sentence):
            continue
        named = set(named_options(sentence[cue.end() :], offered))
        if len(named) == 1:
            return Found(named.pop(), "answer statement", sentence)
    return None


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
    same = same_options(opening[0], offered.options) if opening else []
    if opening is None or len(same) != 1:
        return None
    return Found(same[0], "option text", opening[0], "the option's text")


def _ordinal(text: str, offered: Offered) -> Found | None:
    """The only option that is named by its place: `the second one`."""
    places: set[int] = set()
    words = ""
    for match in phrases.ORDINAL.finditer(text):
        words = match[0]
        places.add(_place(match, num_options=len(offered.letters)))
    if len(places) != 1 or REFUSAL.search(text):
        return None
    return Found(LETTERS[places.pop()], "ordinal", words, "named by its place")


def _place(ordinal: re.Match[str], *, num_options: int) -> int:
    """The place that an ordinal names, from 0."""
    if ordinal["last"]:
        return num_options - 1
    named = (ordinal[group] for group in ("word", "digit", "number", "han"))
    name = next(name for name in named if name).casefold()
    return int(name[0]) - 1 if name[0].isdecimal() else phrases.PLACES[name]


def _claimed(text: str, offered: Offered) -> Found | None:
    """The option that the last claim is about: "the second image is most similar, whereas ..."."""
    for sentence in reversed(sentences(text)):
        if REFUSAL.search(sentence):
            continue
        for clause in phrases.CONTRAST.split(sentence):
            if phrases.CLAIM.search(clause) and not phrases.DISCLAIMER.search(clause):
                if named := named_options(phrases.BETWEEN.sub(" ", clause), offered):
                    if _BOTH.search(clause) and len(set(named)) > 1:
                        return _hedge("several options, none chosen")
                    return Found(named[0], "claim", sentence, "claimed in a sentence")
                break
    return None


def _at_first(text: str, offered: Offered) -> Found | None:
    """The option of the first sentence, when the second begins to give the reasons."""
    first, *rest = sentences(text) or [""]
    if rest and phrases.REASON.match(rest[0]) and not REFUSAL.search(text):
        named = set(named_options(phrases.REJECTED.sub(" ", first), offered))
        if len(named) == 1:
            return Found(named.pop(), "first sentence", first, "named in the first sentence")
    return None


def _at_last(text: str, offered: Offered) -> Found | None:
    """The option named by the last sentence that names any."""
    if listed := _below_a_list(text):
        return listed
    for sentence in reversed(sentences(text)):
        if REFUSAL.search(sentence):
            return Found(None, note="a refusal", status=ParseStatus.NO_ANSWER)
        if phrases.OTHERS.match(sentence):
            continue
        kept = phrases.REJECTED.sub(" ", sentence)
        named = set(named_options(kept, offered))
        for part in _deciding_parts(kept) if len(named) > 1 else ():
            alone = set(named_options(part, offered))
            named = alone if len(alone) == 1 else named
        if len(named) == 1:
            return Found(named.pop(), "last sentence", sentence, "named in the last sentence")
        if named:
            return _hedge("several options, none chosen")
    return None


_RULES = (
    _alone,
    _option_alone,
    _stated,
    _in_front,
    _stated_text,
    _claimed,
    _at_first,
    _at_last,
    _ordinal,
)
"""From the plain to the vague; the first that decides counts."""


def _below_a_list(text: str) -> Found | None:
    """A letter alone below the options that a text lists; or that a list ends without one."""
    *before, last = [line for line in text.splitlines() if line.strip()]
    heads = [_head(line) for line in before]
    alone = phrases.ALONE.fullmatch(last)
    if alone and len(heads) > 1 and all(heads) and any(len(line.split()) > 1 for line in before):
        return Found(alone[1].upper(), "last line", last, "the letter below the options")
    if len({head["upper"] for head in [*heads[-1:], _head(last)] if head}) > 1:
        return _hedge("several options listed, none chosen")
    return None


def _deciding_parts(sentence: str) -> list[str]:
    """The parts of a sentence that may decide between the options it names, the surest last."""
    before_reasons, *_ = phrases.CONTRAST.split(sentence)
    *_, after_turn = phrases.TURN.split(sentence)
    *_, after_conclusion = phrases.CONCLUSION.split(sentence)
    return [before_reasons, after_turn, after_conclusion]


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
