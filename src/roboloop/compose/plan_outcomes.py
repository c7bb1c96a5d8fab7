"""Questions about how an episode ended: was the goal reached, and if not, what went wrong?"""

from __future__ import annotations

from collections.abc import Iterator

from roboloop.compose.plan_questions import Asked
from roboloop.records.answers import Text, YesNo
from roboloop.records.episode import Episode


def ask_outcome(episode: Episode) -> Iterator[tuple[str, Asked]]:
    """`outcome` and `failure` questions with their names, of an episode seen to its end.

    The first is asked of episodes that succeeded and failed alike, in the same words.
    """
    goal = episode.instruction.rstrip(" .")
    if not goal or episode.success is None or episode.last_media is None:
        return
    num_steps = len(episode.steps)
    question = f"The goal is '{goal}'. The picture was taken at the end. Has the goal been reached?"
    evidence = {"failure": episode.failure} if episode.failure else {}
    yield (
        "outcome",
        Asked(
            "planning_decide", {"question": question}, YesNo(episode.success), num_steps, evidence
        ),
    )
    if not episode.success and episode.failure:
        question = (
            f"The robot was told '{goal}', and at the end of its try the goal is not reached. What "
            "went wrong?"
        )
        yield "failure", Asked("vqa", {"question": question}, Text(episode.failure), num_steps)
