"""AI2-THOR's events as steps: what was handled, where it stood, what did not work.

Formats as in ai2thor.allenai.org: an object's id begins with its type (`Mug|-01.2|+00.9|+00.4`);
`metadata.objects` has `parentReceptacles`, `metadata.inventoryObjects` what is held, and
`lastActionSuccess` with `errorMessage` how the action went.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.records.episode import Action, EpisodeStep, Standing
from roboloop.records.episode_words import step_words
from roboloop.records.media import Media, media_to_json
from roboloop.sources.alfred_words import type_words
from roboloop.sources.safe_agent_words import holds_inside

_ACTIONS: dict[str, Action] = {
    "PickupObject": "pick_up", "PutObject": "put", "OpenObject": "open", "CloseObject": "close",
    "ToggleObjectOn": "turn_on", "ToggleObjectOff": "turn_off", "SliceObject": "slice",
    "CleanObject": "clean", "DirtyObject": "dirty", "BreakObject": "break", "CookObject": "heat",
    "FillObjectWithLiquid": "fill", "DropHandObject": "drop", "ThrowObject": "throw",
}  # fmt: skip
_TRAVELS = ("Move", "Rotate", "Look", "Teleport", "Crouch", "Stand")
_DOES_NOTHING = ("Initialize", "Pass", "Done", "GetReachablePositions")
_NO_PLACE = ("Floor",)


class ThorEvent(NamedTuple):
    """An action as it was sent, what came back, and the picture that came with it."""

    action: dict[str, Any]
    metadata: dict[str, Any]
    picture: str | None = None


class ThorStory(NamedTuple):
    """What a log tells.

    Attributes:
        failure: Of the last step that failed.
        last_media: The last picture.
    """

    steps: tuple[EpisodeStep, ...]
    standing: tuple[Standing, ...]
    failure: str
    last_media: dict[str, Any] | None


def tell(events: Sequence[ThorEvent], *, pictures: Callable[[str], Media]) -> ThorStory:
    """The steps of a log; moving about before a step that works becomes one `go_to`.

    Raises:
        RoboLoopError: E-DAT-004 for an action that is not known or names no object.
    """
    teller = _Teller(pictures)
    steps = tuple(step for index, event in enumerate(events) for step in teller.steps(event, index))
    standing = tuple(_standing(events[0].metadata, numbers=teller.numbers))
    failures = [step.failure for step in steps if step.failure]
    return ThorStory(steps, standing, failures[-1] if failures else "", teller.seen)


@dataclass(slots=True)
class _Teller:
    """Follows a log.

    Attributes:
        numbers: (Words, id) of a thing -> which one of its kind it is.
        held: Id of what is in the hand.
        has_moved: Whether the robot has moved since the last step.
        seen: The last picture: with it the next step begins.
        metadata: What came back before the present action.
    """

    pictures: Callable[[str], Media]
    numbers: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    held: str = ""
    has_moved: bool = False
    seen: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])

    def steps(self, event: ThorEvent, index: int) -> Iterator[EpisodeStep]:
        """The steps of an event: none, one, or the way and one."""
        yield from self._told(event, index)
        self.metadata = event.metadata

    def _told(self, event: ThorEvent, index: int) -> Iterator[EpisodeStep]:
        name = str(event.action.get("action", ""))
        before = self.seen
        if event.picture:
            self.seen = media_to_json(self.pictures(event.picture))
        if name.startswith(_TRAVELS):
            self.has_moved = True
            return
        if name in _DOES_NOTHING:
            return
        if name not in _ACTIONS:
            raise RoboLoopError("E-DAT-004", f"{name!r} is no action of AI2-THOR that is known")
        step = self._step(_ACTIONS[name], event)
        failure = "" if event.metadata.get("lastActionSuccess", True) else _reason(event.metadata)
        if self.has_moved and not failure and step.action not in ("drop", "throw"):
            place = step.place or _receptacle(self.metadata, object_id=self._target(event))
            place = place or step.object
            way = EpisodeStep(action="go_to", place=place, text="", media=before)
            yield replace(way, text=step_words(way), span=(index, index))
        self.has_moved = self.has_moved and bool(failure)
        yield replace(
            step, text=step_words(step), failure=failure, span=(index, index), media=before
        )
        self._remember(step.action, event, worked=not failure)

    def _step(self, action: Action, event: ThorEvent) -> EpisodeStep:
        target = self._target(event)
        if action == "put":
            if not self.held:
                # The simulator refuses it, too; the step keeps what was asked.
                return EpisodeStep(action=action, object="thing", place=_words(target), text="")
            thing, number = self._thing(self.held)
            return EpisodeStep(
                action=action, object=thing, number=number, place=_words(target),
                inside=holds_inside(target.split("|")[0]), text="",
            )  # fmt: skip
        if action in ("drop", "throw"):
            target = self.held or target
        thing, number = self._thing(target)
        tool = self._thing(self.held)[0] if action == "slice" and self.held else ""
        return EpisodeStep(action=action, object=thing, number=number, tool=tool, text="")

    def _target(self, event: ThorEvent) -> str:
        name = event.action.get("action")
        target = event.action.get("receptacleObjectId") if name == "PutObject" else None
        target = target or event.action.get("objectId") or ""
        if not target and name not in ("DropHandObject", "ThrowObject"):
            raise RoboLoopError("E-DAT-004", f"its action {name} names no object")
        return str(target)

    def _thing(self, object_id: str) -> tuple[str, int]:
        words = _words(object_id)
        known = [number for (name, _), number in self.numbers.items() if name == words]
        return words, self.numbers.setdefault((words, object_id), len(known) + 1)

    def _remember(self, action: str, event: ThorEvent, *, worked: bool) -> None:
        if not worked:
            return
        if action == "pick_up":
            self.held = self._target(event)
        elif action in ("put", "drop", "throw"):
            self.held = ""


def _reason(metadata: dict[str, Any]) -> str:
    """The simulator's reason, without its full stop."""
    return str(metadata.get("errorMessage") or "the simulator refused it").strip().rstrip(".")


def _words(object_id: str) -> str:
    """The words of an object's type; a slice's stands at the end: `Apple|...|AppleSliced_0`."""
    parts = object_id.split("|")
    kind = parts[-1].split("_")[0] if "Sliced" in parts[-1] else parts[0]
    return type_words(kind)


def _receptacle(metadata: dict[str, Any], *, object_id: str) -> str:
    for thing in metadata.get("objects") or ():
        if thing.get("objectId") == object_id:
            parents = [str(parent) for parent in thing.get("parentReceptacles") or ()]
            named = [_words(p) for p in parents if p.split("|")[0] not in _NO_PLACE]
            return named[-1] if named else ""
    return ""


def _standing(
    metadata: dict[str, Any], *, numbers: dict[tuple[str, str], int]
) -> Iterator[Standing]:
    for (words, object_id), number in numbers.items():
        if place := _receptacle(metadata, object_id=object_id):
            yield Standing(object=words, number=number, place=place)
