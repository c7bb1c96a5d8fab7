"""Scores of captions against several references: BLEU-4, ROUGE-L and CIDEr.

Texts are compared in small letters without punctuation, in words and numbers. The COCO toolkit cuts
texts with a Java program, whose other rules (`can't` into `ca n't`, brackets renamed) seldom apply
to captions; on plain ones the tokens are the same.

    BLEU    Papineni et al. 2002: clipped n-gram counts of the whole set, closest reference length
    ROUGE-L Lin 2004: longest common subsequence, beta = 1.2, best precision and best recall
    CIDEr   Vedantam et al. 2015 (CIDEr-D): tf-idf of n-grams to 4, clipped, length penalty, sigma 6
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from roboloop.base.statistics import FloatArray

ORDERS = 4
BETA = 1.2
SIGMA = 6.0
SCALE = 10.0
TINY, SMALL = 1e-15, 1e-9
"""Added by the COCO toolkit to numerators and denominators of BLEU's precisions."""

Gram = tuple[str, ...]
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?(?:-[^\W_]+)*")


def caption_words(text: str) -> list[str]:
    """The words of a caption."""
    return _WORD.findall(text.casefold())


def bleu_counts(words: Sequence[str], *, references: Sequence[Sequence[str]]) -> list[float]:
    """What BLEU sums over a set: clipped matches and n-grams per order, both lengths.

    Returns:
        [matches 1..4, n-grams 1..4, length, closest reference length].
    """
    matches: list[float] = []
    totals: list[float] = []
    for order in range(1, ORDERS + 1):
        mine = _grams(words, order)
        most: Counter[Gram] = Counter()
        for reference in references:
            most |= _grams(reference, order)
        matches.append(sum(min(count, most[gram]) for gram, count in mine.items()))
        totals.append(max(0, len(words) - order + 1))
    closest = min((abs(len(r) - len(words)), len(r)) for r in references)[1]
    return [*matches, *totals, len(words), closest]


def bleu_of(sums: FloatArray, *, order: int = ORDERS) -> FloatArray:
    """Corpus BLEU from (means or sums of) `bleu_counts`, shape (..., 10) -> (...)."""
    matches, totals = sums[..., :order], sums[..., ORDERS : ORDERS + order]
    precision = (matches + TINY) / (totals + SMALL)
    score = np.exp(np.log(precision).mean(axis=-1))
    length, closest = sums[..., -2], sums[..., -1]
    ratio = (length + TINY) / (closest + SMALL)
    return np.where(ratio < 1, score * np.exp(1 - 1 / ratio), score)


def rouge_l(words: Sequence[str], *, references: Sequence[Sequence[str]]) -> float:
    """F of the best precision and the best recall over the references."""
    common = [_longest_common(words, reference) for reference in references]
    precision = max(c / len(words) if words else 0.0 for c in common)
    recall = max(c / len(r) if r else 0.0 for c, r in zip(common, references, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


class Cider:
    """CIDEr-D, with document frequencies of a set of references.

    Args:
        references: Item -> the words of each of its references.
    """

    def __init__(self, references: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._references = references
        self._log_items = math.log(float(len(references))) if references else 0.0
        self._frequency: Counter[Gram] = Counter()
        for texts in references.values():
            self._frequency.update({gram for words in texts for gram in _all_grams(words)})

    def score(self, item: str, words: Sequence[str]) -> float:
        """The score of a caption of this item; about 1.0 is what people reach."""
        mine = self._vector(words)
        scores = [
            self._similarity(mine, self._vector(reference), gap=len(words) - len(reference))
            for reference in self._references[item]
        ]
        return SCALE * sum(scores) / len(scores)

    def _vector(self, words: Sequence[str]) -> dict[Gram, float]:
        """tf-idf of every n-gram; the frequency of one that no reference has counts as 1."""
        return {
            gram: count * (self._log_items - math.log(max(1.0, self._frequency[gram])))
            for gram, count in Counter(_all_grams(words)).items()
        }

    def _similarity(
        self, mine: Mapping[Gram, float], theirs: Mapping[Gram, float], *, gap: int
    ) -> float:
        penalty = math.exp(-(gap**2) / (2 * SIGMA**2))
        total = 0.0
        for order in range(1, ORDERS + 1):
            shared = sum(
                min(weight, theirs[gram]) * theirs[gram]
                for gram, weight in mine.items()
                if len(gram) == order and gram in theirs
            )
            norm = _norm(mine, order) * _norm(theirs, order)
            total += penalty * shared / norm if norm else 0.0
        return total / ORDERS


def _norm(vector: Mapping[Gram, float], order: int) -> float:
    return math.sqrt(sum(weight**2 for gram, weight in vector.items() if len(gram) == order))


def _grams(words: Sequence[str], order: int) -> Counter[Gram]:
    return Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))


def _all_grams(words: Sequence[str]) -> Iterable[Gram]:
    return (gram for order in range(1, ORDERS + 1) for gram in _grams(words, order).elements())


def _longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for place, other in enumerate(second, start=1):
            above = row[place]
            row[place] = before + 1 if word == other else max(above, row[place - 1])
            before = above
    return row[-1]
