"""Caption scores are those of the COCO caption toolkit, and VQA accuracy is the paper's."""

from __future__ import annotations

import numpy as np
import pytest
from nltk.translate.bleu_score import corpus_bleu

from roboloop.evaluate.benchmarks.captions import (
    Cider,
    bleu_counts,
    bleu_of,
    caption_words,
    rouge_l,
)
from roboloop.evaluate.benchmarks.vqa_accuracy import vqa_accuracy, vqa_normalised

REFERENCES = {
    "a": ("a man rides a brown horse on a beach", "a person on a horse by the sea",
          "someone rides along the water", "a rider near the ocean", "man on horse at the shore"),
    "b": ("two red cups stand on a wooden table", "a pair of cups on a table",
          "cups on the table", "red mugs placed on a desk", "two mugs next to each other"),
    "c": ("a robot arm picks up a blue block", "the gripper holds a block",
          "a blue cube in a gripper", "a robotic arm above a table", "robot lifting a cube"),
    "d": ("a street with many cars at night", "cars on a road at night",
          "traffic in a city after dark", "night view of a busy street", "lots of cars driving"),
}  # fmt: skip
CAPTIONS = {
    "a": "a man is riding a horse on the beach",
    "b": "two red cups on a table",
    "c": "a robot arm lifts a blue cube over the the the table near a very long wall",
    "d": "dogs",
}
# Measured with pycocoevalcap 1.2 on these very texts.
BLEU = (0.6363636363443527, 0.5131499624821965, 0.36996594804963356, 0.21661541337422932)
CIDER = (0.8536996299469815, 2.1423811071646335, 0.22369088533386608, 0.0)
ROUGE = (0.6666666666666666, 0.8356164383561644, 0.45864661654135336, 0.0)

WORDS = {item: [caption_words(text) for text in texts] for item, texts in REFERENCES.items()}


def test_bleu_is_that_of_the_coco_toolkit() -> None:
    counts = [bleu_counts(caption_words(CAPTIONS[i]), references=WORDS[i]) for i in WORDS]
    sums = np.sum(counts, axis=0)
    found = [float(bleu_of(sums, order=order)) for order in range(1, 5)]
    assert found == pytest.approx(BLEU, rel=1e-9)
    means = [float(bleu_of(sums / len(counts), order=order)) for order in range(1, 5)]
    assert means == pytest.approx(BLEU, rel=1e-6)  # shares do not change when all are divided


def test_bleu_is_that_of_nltk_where_all_orders_match() -> None:
    draw = np.random.default_rng(3)
    vocabulary = ["a", "cup", "red", "on", "the"]
    num_compared = 0
    for _ in range(120):
        said = [list(draw.choice(vocabulary, draw.integers(4, 10))) for _ in range(4)]
        given = [
            [list(draw.choice(vocabulary, draw.integers(4, 10))) for _ in range(3)] for _ in said
        ]
        sums = np.sum(
            [bleu_counts(s, references=g) for s, g in zip(said, given, strict=True)], axis=0
        )
        if (sums[:4] == 0).any():
            continue  # there the toolkits differ in what they add
        num_compared += 1
        assert float(bleu_of(sums)) == pytest.approx(corpus_bleu(given, said), rel=1e-6)
    assert num_compared > 20


def test_cider_and_rouge_are_those_of_the_coco_toolkit() -> None:
    cider = Cider(WORDS)
    found = [cider.score(item, caption_words(text)) for item, text in CAPTIONS.items()]
    assert found == pytest.approx(CIDER, rel=1e-9)
    rouge = [rouge_l(caption_words(text), references=WORDS[i]) for i, text in CAPTIONS.items()]
    assert rouge == pytest.approx(ROUGE, rel=1e-9)


def test_nothing_said_is_worth_nothing() -> None:
    assert Cider(WORDS).score("a", []) == 0.0
    assert rouge_l([], references=WORDS["a"]) == 0.0
    assert caption_words("A man's T-shirt, 2 cups!") == ["a", "man's", "t-shirt", "2", "cups"]


@pytest.mark.parametrize(
    ("matches", "accuracy"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)]
)
def test_vqa_accuracy_averages_over_nine_of_ten(matches: int, accuracy: float) -> None:
    references = ["stop"] * matches + [f"other {n}" for n in range(10 - matches)]
    assert vqa_accuracy("Stop.", references=references) == pytest.approx(accuracy)


def test_answers_are_compared_as_the_challenge_does() -> None:
    assert vqa_normalised("The Two cups, please!") == "2 cups please"
    assert vqa_normalised("1,000.5 m") == "1000.5 m"
    assert vqa_normalised("dont") == "don't"
    assert vqa_normalised("left / right") == "left right"
