"""The checker passes what works and names what does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from roboloop.compose.plan_checker import find_violation
from roboloop.records.episode import Episode, EpisodeStep, GoalFact, Standing

MakeStep = Callable[..., EpisodeStep]


def without(steps: Sequence[EpisodeStep], *dropped: int) -> list[EpisodeStep]:
    return [step for index, step in enumerate(steps) if index not in dropped]


def test_gold_plans_of_alfred_pass(alfred: list[Episode]) -> None:
    rules = Counter(
        None if (found := find_violation(episode, episode.steps)) is None else found.rule
        for episode in alfred
    )
    assert rules.total() == 7_080
    assert rules[None] == 7_077  # 3 plans clean or heat the knife they have put away


def test_it_knows_that_a_plan_works_whatever_the_way(potato: Episode) -> None:
    assert find_violation(potato, potato.steps) is None
    travels = [index for index, step in enumerate(potato.steps) if step.action == "go_to"]
    assert find_violation(potato, without(potato.steps, *travels)) is None


@pytest.mark.parametrize(
    ("dropped", "rule", "step", "reason"),
    [
        ((1, 2), "tool", 1, "no knife is in the hand to slice the potato with"),
        ((2, 3), "missing", 3, "the potato has not been sliced yet"),
        ((4,), "hand", 4, "the hand already holds the knife"),
        ((5,), "hand", 6, "the hand is empty"),
        ((7,), "goal", None, "in the end the potato slice on the table is not hot"),
        ((9,), "goal", None, "in the end no potato slice is on the table"),
        ((2,), None, None, ""),
    ],
)
def test_what_a_dropped_step_breaks(
    potato: Episode, dropped: tuple[int, ...], rule: str | None, step: int | None, reason: str
) -> None:
    found = find_violation(potato, without(potato.steps, *dropped))
    if rule is None:
        assert found is None
    else:
        assert found is not None and (found.rule, found.step) == (rule, step)
        assert reason in found.reason and found.reason.endswith(".")


def test_places(potato: Episode, do: MakeStep) -> None:
    steps = list(potato.steps)
    steps[0] = do("go_to", place="sofa")
    found = find_violation(potato, steps)
    assert found is not None and (found.rule, found.step) == ("place", 1)
    assert "the knife is at the counter, not at the sofa" in found.reason
    steps = [*potato.steps[:-2], do("go_to", place="sofa"), potato.steps[-1]]
    found = find_violation(potato, steps)
    assert found is not None and "the robot went to the sofa, not to the table" in found.reason
    steps = [*potato.steps[:-2], do("put", "potato slice", "sofa")]
    found = find_violation(potato, steps)
    assert found is not None and (found.rule, found.step) == ("goal", None)


def test_a_thing_moves_with_what_it_lies_in(do: MakeStep) -> None:
    episode = Episode(
        id="e", form="symbolic",
        steps=(do("pick_up", "fork"), do("put", "fork", "mug", inside=True), do("pick_up", "mug"),
               do("put", "mug", "sink", inside=True)),
        goal=(GoalFact(predicate="at", object="fork", place="mug"),
              GoalFact(predicate="at", object="mug", place="sink")),
        standing=(Standing(object="mug", place="desk"), Standing(object="fork", place="desk")),
    )  # fmt: skip
    assert find_violation(episode, episode.steps) is None
    found = find_violation(episode, [*episode.steps[2:], *episode.steps[:2]])
    assert found is None  # the fork may be put into the mug in the sink, too
    to_the_desk = [*episode.steps, do("go_to", place="desk"), do("pick_up", "fork")]
    found = find_violation(episode, to_the_desk)
    assert found is not None and "the fork is at the sink, not at the desk" in found.reason


def test_two_of_a_kind_are_two(do: MakeStep) -> None:
    pick, put = do("pick_up", "book"), do("put", "book", "bed")
    second = (do("pick_up", "book", number=2), do("put", "book", "bed", number=2))
    episode = Episode(
        id="e", form="symbolic", steps=(pick, put, *second),
        goal=(GoalFact(predicate="at", object="book", place="bed", count=2),),
    )  # fmt: skip
    assert find_violation(episode, episode.steps) is None
    found = find_violation(episode, (pick, put, pick, put))
    assert found is not None and "only one book is on the bed" in found.reason
    found = find_violation(episode, (pick, second[1], second[0], put))
    assert found is not None and "holds the book, not the second book" in found.reason


def test_a_lamp_and_what_is_looked_at(do: MakeStep) -> None:
    episode = Episode(
        id="e", form="symbolic", steps=(do("pick_up", "pen"), do("turn_on", "desk lamp")),
        goal=(GoalFact(predicate="holding", object="pen"),
              GoalFact(predicate="on", object="desk lamp")),
    )  # fmt: skip
    assert find_violation(episode, episode.steps) is None
    assert find_violation(episode, episode.steps[::-1]) is None
    for dropped, reason in ((0, "pen is not in the hand"), (1, "desk lamp is not turned on")):
        found = find_violation(episode, without(episode.steps, dropped))
        assert found is not None and reason in found.reason
    undone = [*episode.steps, do("turn_off", "desk lamp")]
    assert find_violation(replace(episode, steps=tuple(undone)), undone) is not None
