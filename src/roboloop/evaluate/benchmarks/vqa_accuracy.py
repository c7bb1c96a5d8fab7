"""VQA accuracy: how many of ten people gave the same answer (arXiv 1505.00468, section 3).

`min(1, matches / 3)`, averaged over every choice of nine people. Answers are compared after the
normalisation of the VQA challenge: small letters, no punctuation and articles, number words as
digits, contractions with their apostrophe.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import mean

AGREEING = 3
DIGITS = {
    "none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
}  # fmt: skip
ARTICLES = frozenset({"a", "an", "the"})
_CONTRACTED = [
    "ain't",
    "aren't",
    "can't",
    "couldn't",
    "could've",
    "didn't",
    "doesn't",
    "don't",
    "hadn't",
    "hasn't",
    "haven't",
    "he's",
    "how'd",
    "how'll",
    "how's",
    "i'm",
    "i've",
    "isn't",
    "it'd",
    "it'll",
    "let's",
    "ma'am",
    "might've",
    "mightn't",
    "mustn't",
    "must've",
    "needn't",
    "not've",
    "oughtn't",
    "shan't",
    "should've",
    "shouldn't",
    "somebody'd",
    "someone'd",
    "someone's",
    "something'd",
    "that's",
    "there'd",
    "there're",
    "there's",
    "they'd",
    "they'll",
    "they're",
    "they've",
    "wasn't",
    "we've",
    "weren't",
    "what'll",
    "what're",
    "what's",
    "what've",
    "when's",
    "where'd",
    "where's",
    "where've",
    "who'd",
    "who'll",
    "who's",
    "who've",
    "why'll",
    "why're",
    "why's",
    "won't",
    "would've",
    "wouldn't",
    "y'all",
    "you'd",
    "you'll",
    "you're",
    "you've",
]
CONTRACTIONS = {word.replace("'", ""): word for word in _CONTRACTED}
_PUNCTUATION = re.compile(r"[;/\[\]\"{}()=+\\_\-><@`,?!]")
_PERIOD = re.compile(r"(?<!\d)\.(?!\d)|(?<=\d)\.(?!\d)|(?<!\d)\.(?=\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d)")


def vqa_accuracy(answer: str, *, references: Sequence[str]) -> float:
    """From 0 to 1; with fewer than ten references as if those were all."""
    said = vqa_normalised(answer)
    given = [vqa_normalised(text) for text in references]
    if len(given) < 2:
        return float(said in given)
    matches = given.count(said)
    return mean(min(1.0, (matches - (text == said)) / AGREEING) for text in given)


def vqa_normalised(text: str) -> str:
    """The text as the challenge compares it."""
    line = _THOUSANDS.sub("", re.sub(r"\s", " ", text).strip())
    line = _PERIOD.sub("", _PUNCTUATION.sub(" ", line)).casefold()
    words = (DIGITS.get(word, word) for word in line.split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)
