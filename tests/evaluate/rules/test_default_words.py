"""Short answers in words: what a careful reader accepts, and what only holds the right letters."""

from __future__ import annotations

import pytest

from roboloop.evaluate.rules import Case, load_rules


@pytest.mark.parametrize(
    ("benchmark", "gold", "text", "score"),
    [
        ("ocrbench", "CENTRE", "CENTRE", 1),
        ("ocrbench", "CENTRE", "The sign reads 'Centre'.", 1),
        ("ocrbench", "CENTRE", "CENTER", 0),
        ("ocrbench", "1", "11.50", 0),
        ("ocrbench", "no", "I do not know.", 0),
        ("ocrbench", "no", "There is no text.", 0),
        ("realworldqa", "2", "There are two cars.", 1),
        ("realworldqa", "Downhill", "It is not downhill.", 0),
        ("realworldqa", "Downhill", "uphill or downhill", 0),
        ("realworldqa", "Downhill", "I cannot say that it goes downhill.", 0),
    ],
)
def test_words(benchmark: str, gold: str, text: str, score: float) -> None:
    found = load_rules("default").score(
        Case(benchmark=benchmark, kind="text", text=text, gold=(gold,))
    )
    assert found is not None and found.score == score


def test_formulas_are_compared_sign_by_sign() -> None:
    case = Case(
        benchmark="ocrbench",
        kind="text",
        text="$ x _ { 1 } ^ 2 $",
        gold=("x_{1}^2",),
        subtask="Handwritten Mathematical Expression Recognition",
    )
    found = load_rules("default").score(case)
    assert found is not None and found.score == 1.0


def test_of_annotators_the_best_agreed_text_counts() -> None:
    given = ("nokia",) * 7 + ("nokia phone",) * 2 + ("toshiba",)
    for text, score in (("It is a Nokia phone.", 1.0), ("toshiba", 0.3), ("sony", 0.0)):
        case = Case(benchmark="textvqa", kind="text", text=text, gold=given)
        found = load_rules("default").score(case)
        assert found is not None and found.score == pytest.approx(score)
