"""Readers that a benchmark's author wrote and an evaluator took over."""

from __future__ import annotations

import re

_PHRASES = (
    "The best answer is",
    "The correct answer is",
    "The answer is",
    "The answer",
    # A comma is missing between these two pairs in the source, so that neither ever matches.
    "The best option isThe correct option is",
    "Best answer:Best option:",
)
_MORE_PHRASES = ("Answer:", "Option:", "The correct answer", "The correct option")
_LETTER = re.compile(r"[ABCD]")
_WRAPPERS = (re.compile(r"``([^`]*)``"), re.compile(r"`([^`]*)`"), re.compile(r"\{([^}]*)\}"))


def egoplan_choice(text: str, *, all_phrases: bool) -> str:
    """EgoPlan-Bench2: the first capital A to D, after some phrases have been deleted.

    lmms-eval deletes fewer of them (not `Answer:`), so that it reads an A there.
    """
    text = text.strip()
    for phrase in (*_PHRASES, *(_MORE_PHRASES if all_phrases else ())):
        text = text.replace(phrase, "")
    found = _LETTER.search(text)
    return found[0] if found else ""


def backtick_choice(text: str, *, letters: str) -> str:
    """MMSI-Bench: inside backticks or braces, the first lone letter before no word.

    Args:
        text: What the model said.
        letters: The letters as the inside of a character class.
    """
    for wrapper in _WRAPPERS:  # nothing is looked for behind the last closing sign
        inner = wrapper.search(text[: text.rfind(wrapper.pattern[-1]) + 1])
        text = inner[1] if inner else text
    found = re.search(rf"\b[{letters}]\b(?!\s[a-zA-Z])", text)
    return found[0].upper() if found else ""
