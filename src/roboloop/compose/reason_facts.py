"""Derives relations and facts again from a scene: what of them is not proven, and why."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from roboloop.base.geometry import BoxPx
from roboloop.compose.geometric import OPPOSITE, TOUCHING, are_apart, geometric_predicate
from roboloop.compose.reason_claims import called
from roboloop.compose.reason_phrases import ALL_THINGS, FACTS, fact_text
from roboloop.records.reasoning import Expectation, Language
from roboloop.records.scene import RobotScene, Scene, SceneObject


class Fault(StrEnum):
    """What is wrong with a claim."""

    CONTRADICTED = "contradicted"
    UNSUPPORTED = "unsupported"
    DOUBLED = "doubled"
    REDUNDANT = "redundant"


class Verdict(NamedTuple):
    """A fault and the reason for it."""

    fault: Fault
    why: str


class SceneFacts(NamedTuple):
    """What a scene proves, in a language."""

    scene: Scene
    language: Language

    def relation(
        self, predicate: str, *, ends: tuple[str, ...], evidence: tuple[str, ...]
    ) -> Iterator[Verdict]:
        """Whether two things stand so: annotated or clear from the boxes, and never otherwise."""
        subject, other = ends
        opposite = OPPOSITE.get(predicate)
        boxes = self._boxes(ends)
        seen = geometric_predicate(boxes[0], other_px=boxes[1]) if len(boxes) == 2 else None
        if predicate in TOUCHING and len(boxes) == 2 and are_apart(boxes[0], second_px=boxes[1]):
            yield Verdict(Fault.CONTRADICTED, "their boxes lie far apart")
        if opposite is not None and seen == opposite:
            yield Verdict(Fault.CONTRADICTED, f"their boxes say {opposite!r}")
        for found in self.scene.relations:
            names = (found.subject, found.predicate, found.object)
            if opposite is not None and names in (
                (subject, opposite, other), (other, predicate, subject),
            ):  # fmt: skip
                yield Verdict(Fault.CONTRADICTED, f"the scene says {' '.join(names)}")
        annotated = any(
            (found.subject, found.predicate, found.object) == (subject, predicate, other)
            for found in self.scene.relations
        )
        proof = f"boxes:{subject}|{other}" in evidence and seen == predicate
        if not annotated and not proof:
            yield Verdict(Fault.UNSUPPORTED, "neither the scene nor the boxes say so")

    def _boxes(self, ends: tuple[str, ...]) -> list[BoxPx]:
        things = [self.scene.thing(key) for key in ends]
        return [thing.box_px for thing in things if thing is not None and thing.box_px]

    def fact(self, claim: Expectation, *, things: list[SceneObject]) -> Iterator[Verdict]:
        """Whether a fact about these things is proven and said in its own words."""
        match claim.fact:
            case "ends in" | "ends on" | "ends at":
                yield from self._end(claim)
            case "only":
                yield from self._count(things[0].name if things else "", count=1)
            case "count":
                name = after("count:", claim.evidence)
                if name is not None:
                    yield from self._count(name, count=len(things))
                elif missing := self._uncounted(things):
                    yield Verdict(Fault.UNSUPPORTED, f"{missing} are left out")
            case "present":
                if not things:
                    yield Verdict(Fault.UNSUPPORTED, "none is seen")
            case "absent":
                name = after("not_there:", claim.evidence)
                if name is not None and self.scene.named(name):
                    yield Verdict(Fault.CONTRADICTED, f"there is {name!r}")
                elif name is None or not self.scene.is_absent(name):
                    yield Verdict(Fault.UNSUPPORTED, "nobody has looked for it")
            case "attribute":
                if not (things and things[0].attributes):
                    yield Verdict(Fault.UNSUPPORTED, "nothing is known of what it is like")
            case _ if len(things) == 2:
                ends = (things[0].id, things[1].id)
                yield from self.relation(claim.fact, ends=ends, evidence=claim.evidence)
            case _:
                yield Verdict(Fault.UNSUPPORTED, f"nothing proves {claim.fact!r}")
        text = self._sentence(claim, things=things)
        if text is not None and claim.text != text:
            yield Verdict(Fault.CONTRADICTED, f"the sentence would be {text!r}")

    def _sentence(self, claim: Expectation, *, things: list[SceneObject]) -> str | None:
        """What the fact is in words; None where the scene does not tell."""
        robot = self.scene.robot or RobotScene()
        names = [called(thing, language=self.language) for thing in things]
        match claim.fact:
            case "ends in" | "ends on" | "ends at":
                both = (self.scene.thing(key) for key in (robot.target, robot.destination))
                names = [called(thing, language=self.language) for thing in both if thing]
            case "count":
                name = after("count:", claim.evidence)
                counted = ALL_THINGS[self.language] if name is None else self._named(name)
                names = [counted, str(len(things))]
            case "absent":
                names = [self._named(after("not_there:", claim.evidence) or "")]
            case "attribute":
                names = [*names, ", ".join(things[0].attributes if things else ())]
            case _:
                pass
        wanted = {"ends in": 2, "ends on": 2, "count": 2, "attribute": 2}
        needed = wanted.get(claim.fact, 1 if claim.fact in FACTS else 2)
        if len(names) < needed:
            return None
        return fact_text(claim.fact, names=names, language=self.language)

    def _named(self, name: str) -> str:
        return called(SceneObject(id="-", name=name or "-"), language=self.language)

    def _uncounted(self, things: list[SceneObject]) -> list[str]:
        """What is there besides these things, the robot and its destination."""
        if not self.scene.is_complete:
            return ["things that nobody listed"]
        robot = self.scene.robot or RobotScene()
        known = {robot.gripper, robot.destination, *(thing.id for thing in things)}
        return [thing.name for thing in self.scene.objects if thing.id not in known]

    def _end(self, claim: Expectation) -> Iterator[Verdict]:
        robot = self.scene.robot or RobotScene()
        if robot.succeeds is False:
            yield Verdict(Fault.CONTRADICTED, "the episode fails")
        elif claim.fact == "ends at":
            if claim.box_px is None or robot.final_box_px is None:
                yield Verdict(Fault.UNSUPPORTED, "it is not known where it ends")
        elif robot.succeeds is None:
            yield Verdict(Fault.UNSUPPORTED, "it is not known how it ends")
        elif claim.fact != f"ends {robot.placing}":
            yield Verdict(Fault.CONTRADICTED, f"it ends {robot.placing} its destination")
        if claim.box_px is not None and claim.box_px != robot.final_box_px:
            yield Verdict(Fault.CONTRADICTED, f"it ends at {robot.final_box_px}")

    def _count(self, name: str, *, count: int) -> Iterator[Verdict]:
        found = len(self.scene.named(name))
        if not self.scene.can_count(name):
            yield Verdict(Fault.UNSUPPORTED, f"not every {name!r} is annotated")
        elif found != count:
            yield Verdict(Fault.CONTRADICTED, f"the scene has {found}")


def after(start: str, evidence: tuple[str, ...]) -> str | None:
    """The rest of the first piece of evidence that begins so."""
    return next((text.removeprefix(start) for text in evidence if text.startswith(start)), None)
