"""Every annotated ALFRED plan in three to five steps, and nothing lost that matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.compose.plan_checker import find_violation
from roboloop.compose.plan_compress import compress
from roboloop.records.episode import Episode, EpisodeStep

MakeStep = Callable[..., EpisodeStep]


def test_alfred_ends_in_three_to_five_steps(alfred: list[Episode]) -> None:
    lengths: Counter[object] = Counter()
    num_that_work = 0
    for episode in alfred:
        try:
            steps = compress(episode.steps)
        except RoboLoopError as error:
            lengths[error.code] += 1
            continue
        lengths[len(steps)] += 1
        num_that_work += find_violation(episode, steps) is None
    assert lengths == {3: 4_114, 4: 2_757, 5: 207, "E-CMP-022": 2}
    assert 7_078 / lengths.total() >= 0.999
    assert num_that_work == 7_075 and num_that_work / lengths.total() >= 0.995


def test_each_rule(potato: Episode, do: MakeStep) -> None:
    assert [step.text for step in compress(potato.steps)] == [
        "slice the potato with the knife and leave the knife in the drawer",
        "pick up the potato slice", "heat the potato slice", "put the potato slice on the table",
    ]  # fmt: skip
    short = (do("go_to", place="desk"), do("pick_up", "pen"), do("go_to", place="bed"),
             do("put", "pen", "bed"))  # fmt: skip
    assert compress(short) == (short[0], short[1], short[3])
    three = tuple(
        do(action, "book", "bed", number=number)
        for number in (1, 2, 3)
        for action in ("pick_up", "put")
    )
    assert [step.text for step in compress(three)] == [
        "move the book onto the bed", "move the second book onto the bed",
        "move the third book onto the bed",
    ]  # fmt: skip


def test_a_folded_step_keeps_the_words_and_the_frames_of_its_parts(do: MakeStep) -> None:
    spoken = [
        do("pick_up", "knife", told="Take the knife.", span=(0, 9)),
        do("slice", "apple", told="Cut an apple.", span=(10, 19)),
        do("slice", "apple", number=2, told="Cut another.", span=(20, 29)),
        do("put", "knife", "sink", inside=True, told="Lay it down.", span=(30, 39)),
    ]
    rest = [do("pick_up", "apple slice"), do("put", "apple slice", "bed"),
            do("pick_up", "apple slice", number=2)]  # fmt: skip
    folded = compress([*spoken, *rest])[0]
    assert folded.text == (
        "slice the apple and the second apple with the knife and leave the knife in the sink"
    )
    assert folded.told == "Take the knife. Cut an apple. Cut another. Lay it down."
    assert folded.span == (0, 39)


def test_too_short_and_too_long(do: MakeStep) -> None:
    with pytest.raises(RoboLoopError, match="E-CMP-022"):
        compress([do("pick_up", "pen"), do("put", "pen", "bed")])
    with pytest.raises(RoboLoopError, match="E-CMP-022"):
        compress([do("heat", "pen")] * 6)
