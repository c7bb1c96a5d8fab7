"""What tasks with free text share: exact match after normalising, and BLEU."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from roboloop.base.geometry import PictureSize
from roboloop.dialects.base import Dialect
from roboloop.records.answers import Answer, Text
from roboloop.records.record import Record
from roboloop.tasks.base import EXACT, Metric, Parsed, ParseStatus, Task, Truth, unanswered
from roboloop.tasks.choices import commonest
from roboloop.tasks.final_answer import final_answer
from roboloop.tasks.numerals import digits_for_words

EXACT_MATCH = Metric("exact_match", worst=0.0)
BLEU = Metric("bleu", worst=0.0)
SMOOTHING = 0.1
MAX_ORDER = 4
BLEU_ORDERS = tuple(Metric(f"bleu{order}", worst=0.0) for order in range(1, MAX_ORDER + 1))
_CUE_IN_FRONT = re.compile(r"^(?:final\s+)?answer\s*:\s*", re.IGNORECASE)
ORDER_WEIGHTS = ((1.0,), (0.5, 0.5), (0.33, 0.33, 0.33), (0.25, 0.25, 0.25, 0.25))


class TextTask(Task):
    """A task whose answer is free text; its children differ in the words and the first metric."""

    answer_kind = "text"
    metrics = (EXACT_MATCH, BLEU, *BLEU_ORDERS)

    def render(self, answer: Answer, *, dialect: Dialect, size: PictureSize | None) -> str:
        """The text."""
        assert isinstance(answer, Text)
        return answer.text

    def read(self, text: str, *, record: Record, dialect: Dialect) -> Parsed:
        """The text after the thinking, without marks; `Answer:` in front of a line is dropped."""
        return read_text(text)

    def score(self, answer: Answer, *, truth: Answer, size: PictureSize | None) -> dict[str, float]:
        """Equality of the normalised texts, and BLEU: its mean and each order."""
        assert isinstance(answer, Text) and isinstance(truth, Text)
        same = normalised(answer.text) == normalised(truth.text)
        return {"exact_match": float(same)} | bleu_values(answer.text, reference=truth.text)

    def best_constant(self, truths: Sequence[Truth]) -> Answer:
        """The commonest text."""
        return Text(commonest([t.answer.text for t in truths if isinstance(t.answer, Text)]))


def read_text(text: str) -> Parsed:
    """The words that answer."""
    answer = final_answer(text)
    words = _CUE_IN_FRONT.sub("", answer.text).strip()
    if not words:
        return unanswered(answer, note="no answer after the thinking")
    rule = EXACT if words == text.strip() else answer.place or "whole text"
    return Parsed(Text(words), ParseStatus.OK, rule=rule, span=answer.tracked.span_of(words))


def normalised(text: str) -> str:
    """Small letters without marks, articles and repeated lines; number words as digits.

    Every sign of a script counts as a letter, so Chinese answers compare as they stand.
    """
    lines = dict.fromkeys(_words_only(line) for line in text.splitlines())
    return " ".join(line for line in lines if line)


def bleu(text: str, *, reference: str) -> float:
    """The mean of `bleu_orders`: RoboInter's number for planning in words."""
    return sum(bleu_orders(text, reference=reference)) / MAX_ORDER


def bleu_values(text: str, *, reference: str) -> dict[str, float]:
    """`BLEU` and every one of `BLEU_ORDERS`."""
    orders = bleu_orders(text, reference=reference)
    named = {metric.name: value for metric, value in zip(BLEU_ORDERS, orders, strict=True)}
    return {BLEU.name: sum(orders) / MAX_ORDER} | named


def bleu_orders(text: str, *, reference: str) -> tuple[float, ...]:
    """Smoothed BLEU-1 to BLEU-4, lower-cased, on words between spaces.

    RoboInter's rule for planning answers: orders longer than the reference repeat the longest that
    fits, and BLEU-3 weighs each order 0.33. Smoothing adds 0.1 to a count of zero (method 1 of
    Chen and Cherry, 2014). Zero when no word is shared.
    """
    ours, theirs = text.casefold().split(), reference.casefold().split()
    longest = max(1, min(MAX_ORDER, len(theirs)))
    precisions = [_precision(ours, theirs, order) for order in range(1, longest + 1)]
    if not ours or precisions[0] == 0:
        return (0.0,) * MAX_ORDER
    brevity = min(1.0, math.exp(1 - len(theirs) / len(ours)))
    scores: list[float] = []
    for order in range(1, MAX_ORDER + 1):
        weights = ORDER_WEIGHTS[min(order, longest) - 1]
        logs = (w * math.log(p) for w, p in zip(weights, precisions, strict=False))
        scores.append(brevity * math.exp(sum(logs)))
    return tuple(scores)


def _precision(ours: Sequence[str], theirs: Sequence[str], order: int) -> float:
    """Share of our n-grams found in the reference, each as often as it stands there; smoothed."""
    found, wanted = _grams(ours, order), _grams(theirs, order)
    shared = sum(min(count, wanted[gram]) for gram, count in found.items())
    if shared == 0 and order == 1:
        return 0.0
    return (shared or SMOOTHING) / max(1, found.total())


def _grams(words: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))


def _words_only(line: str) -> str:
    kept = re.sub(r"[^\w.%+-]+|[.](?!\d)", " ", digits_for_words(line.casefold()))
    return " ".join(word for word in kept.split() if word not in ("a", "an", "the"))
