"""A simulated episode in symbols: what was done, what went wrong, and what it was for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from roboloop.records.episode import Episode, EpisodeStep, GoalFact, Standing
from roboloop.records.episode_words import step_words
from roboloop.records.media import media_to_json
from roboloop.sources.simulated.questions import Sight
from roboloop.sources.simulated.truth import EpisodeTruth

TABLE = "table"


class _Failure(NamedTuple):
    """What went wrong while picking up, while putting down, and in all."""

    pick_up: str = ""
    put: str = ""
    whole: str = ""


def episode_facts(sights: Sequence[Sight]) -> Episode:
    """The typed episode of all its pictures, in the order of time."""
    first = sights[0]
    truth = first.story
    inside = truth.clips[-1].subtask.endswith(f" in the {truth.destination}")
    failure = _failure(truth)
    thing = truth.grasped
    release = truth.release_frame or truth.num_frames
    steps = (
        EpisodeStep(action="go_to", place=thing, text="", media=_begins(sights, 0, release)),
        EpisodeStep(
            action="pick_up", object=thing, text="", failure=failure.pick_up,
            span=(truth.clips[0].first, truth.clips[0].last),
            media=_begins(sights, 0, truth.contact_frame or truth.clips[0].last),
        ),
        EpisodeStep(
            action="put", object=thing, place=truth.destination, inside=inside, text="",
            failure=failure.put, span=(truth.clips[-1].first, truth.clips[-1].last),
            media=_begins(sights, truth.clips[-1].first, release),
        ),
    )  # fmt: skip
    last = sights[-1]
    return Episode(
        id=first.episode.id,
        form="symbolic",
        instruction=truth.instruction,
        steps=tuple(replace(step, text=step_words(step)) for step in steps),
        goal=(
            GoalFact(predicate="at", object=truth.target, place=truth.destination, inside=inside),
        ),
        standing=tuple(Standing(object=name, place=TABLE) for name in _on_the_table(first)),
        task_type="pick_and_place",
        success=truth.success,
        failure=failure.whole,
        last_media=media_to_json(last.medium) if last.truth.phase == "retreat" else None,
    )


def _begins(sights: Sequence[Sight], first: int, end: int) -> dict[str, object] | None:
    """The first picture of the same view between two frames, the second excluded."""
    view = sights[0].truth.view
    for sight in sights:
        if first <= sight.truth.frame < end and sight.truth.view == view:
            return media_to_json(sight.medium)
    return None


def _on_the_table(sight: Sight) -> Iterator[str]:
    return (thing.name for thing in sight.truth.objects if thing.role != "destination")


def _failure(truth: EpisodeTruth) -> _Failure:
    thing, place = truth.target, truth.destination
    match truth.failure_cause:
        case "missed_grasp":
            missed = f"the gripper closed without getting hold of the {thing}"
            return _Failure(missed, "nothing was in the gripper", missed)
        case "drop":
            dropped = f"the {thing} fell out of the gripper on the way to the {place}"
            return _Failure(put=dropped, whole=dropped)
        case "wrong_object":
            return _Failure(whole=f"the robot took the {truth.grasped} instead of the {thing}")
        case "misplaced":
            beside = f"the {thing} did not come to rest at the {place}"
            return _Failure(put=beside, whole=beside)
        case _:
            return _Failure()
