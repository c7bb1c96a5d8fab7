"""Is reasoning consistent? Every claim is derived again from the scene, by its evidence alone.

A claim is *contradicted* when the scene says otherwise, *unsupported* when its evidence does not
prove it, *doubled* when it was made before, *redundant* when another claim already says it the
other way round. Nothing here looks at how the reasoning came about, so it holds for reasoning of
any origin, and for annotations that disagree among themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from roboloop.base.geometry import BoxPx, box_iou
from roboloop.compose.geometric import OPPOSITE, TOUCHING, are_apart, geometric_predicate
from roboloop.compose.reason_claims import called
from roboloop.compose.reason_phrases import ALL_THINGS, FACTS, STEPS, fact_text
from roboloop.records.reasoning import (
    Expectation,
    KnownFact,
    Language,
    SeeDoExpect,
    SeenObject,
    SeenRelation,
    Step,
)
from roboloop.records.scene import RobotScene, Scene, SceneObject

Claim = SeenObject | SeenRelation | KnownFact | Step | Expectation

SAME_BOX_IOU = 0.99
"""Below it, a box is not the one of the scene."""
LOOKING = frozenset(STEPS)
"""Steps that need no proof but that their things are seen."""


class Fault(StrEnum):
    """What is wrong with a claim."""

    CONTRADICTED = "contradicted"
    UNSUPPORTED = "unsupported"
    DOUBLED = "doubled"
    REDUNDANT = "redundant"


_Fault = tuple[Fault, str]


class Finding(NamedTuple):
    """A claim that is dropped, and why."""

    claim: Claim
    fault: Fault
    why: str


class Checked(NamedTuple):
    """What a check leaves.

    Attributes:
        reasoning: Without the claims at fault; None when a part of it is empty then.
        findings: The claims at fault.
    """

    reasoning: SeeDoExpect | None
    findings: tuple[Finding, ...]


def check_claims(reasoning: SeeDoExpect, *, scene: Scene) -> Checked:
    """Derive every claim again; what cannot be is left out, with all that rests on it."""
    checker = _Checker(scene, language=reasoning.language)
    objects = tuple(filter(checker.accepts, reasoning.see.objects))
    relations = tuple(filter(checker.accepts, reasoning.see.relations))
    known = tuple(filter(checker.accepts, reasoning.see.facts))
    steps = tuple(filter(checker.accepts, reasoning.do))
    facts = tuple(filter(checker.accepts, reasoning.expect))
    if not checker.findings:
        return Checked(reasoning, ())
    if not (objects and steps and facts):
        return Checked(None, tuple(checker.findings))
    see = reasoning.see.model_copy(
        update={"objects": objects, "relations": relations, "facts": known}
    )
    kept = reasoning.model_copy(update={"see": see, "do": steps, "expect": facts})
    return Checked(kept, tuple(checker.findings))


def claims_of(reasoning: SeeDoExpect) -> tuple[Claim, ...]:
    """All of its claims in their order."""
    see = reasoning.see
    return (*see.objects, *see.relations, *see.facts, *reasoning.do, *reasoning.expect)


@dataclass
class _Checker:
    """Meets the claims in their order and remembers those it accepts."""

    scene: Scene
    language: Language
    findings: list[Finding] = field(default_factory=list[Finding])

    def __post_init__(self) -> None:
        self._keys: dict[str, str] = {}
        self._met: set[tuple[str, ...]] = set()
        self._last_step = -1

    def accepts(self, claim: Claim) -> bool:
        """Whether the claim is proven and new; else it becomes a finding."""
        said = self._said(claim)
        fault = None
        if said in self._met:
            fault = (Fault.DOUBLED, "it was said before")
        elif (inverse := _inverse(said)) is not None and inverse in self._met:
            fault = (Fault.REDUNDANT, "it was said the other way round")
        else:
            fault = next(self._faults(claim), None)
        if fault is None:
            self._met.add(said)
            return True
        self.findings.append(Finding(claim, *fault))
        return False

    def _said(self, claim: Claim) -> tuple[str, ...]:
        """What a claim says, without its words."""
        match claim:
            case SeenObject():
                return ("object", *claim.evidence)
            case SeenRelation():
                return self._relation(claim.predicate, (claim.subject, claim.object))
            case KnownFact():
                return ("known", claim.text)
            case Step():
                return ("step", claim.action, *self._scene_ids(claim.objects), claim.text)
            case Expectation():
                if claim.fact not in FACTS and len(claim.objects) == 2:
                    return self._relation(claim.fact, claim.objects)
                return ("fact", claim.fact, *self._scene_ids(claim.objects), claim.text)

    def _relation(self, predicate: str, ends: tuple[str, ...]) -> tuple[str, ...]:
        return ("relation", predicate, *self._scene_ids(ends))

    def _scene_ids(self, ids: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._keys.get(name, f"?{name}") for name in ids)

    def _faults(self, claim: Claim) -> Iterator[_Fault]:
        match claim:
            case SeenObject():
                yield from self._object(claim)
            case SeenRelation():
                yield from self._unseen((claim.subject, claim.object))
                ends = self._scene_ids((claim.subject, claim.object))
                yield from self._stand(claim.predicate, ends=ends, evidence=claim.evidence)
            case KnownFact():
                yield Fault.UNSUPPORTED, "a picture's scene does not tell what was done before"
            case Step():
                yield from self._unseen(claim.objects)
                yield from self._step(claim)
            case Expectation():
                yield from self._fact(claim)

    def _object(self, claim: SeenObject) -> Iterator[_Fault]:
        key = _after("object:", claim.evidence)
        thing = None if key is None else self.scene.thing(key)
        if thing is None or thing.box_px is None:
            yield Fault.UNSUPPORTED, f"the scene shows no object {key}"
            return
        if claim.name != called(thing, language=self.language):
            yield Fault.CONTRADICTED, f"it is called {thing.name!r}"
        if box_iou(claim.box_px, second_px=thing.box_px) < SAME_BOX_IOU:
            yield Fault.CONTRADICTED, f"its box is {list(thing.box_px)}"
        if unknown := set(claim.attributes) - set(thing.attributes):
            yield Fault.UNSUPPORTED, f"nothing says that it is {', '.join(sorted(unknown))}"
        self._keys[claim.id] = thing.id

    def _unseen(self, ids: tuple[str, ...]) -> Iterator[_Fault]:
        for name in ids:
            if name not in self._keys:
                yield Fault.UNSUPPORTED, f"it speaks of {name}, which is not seen"

    def _stand(
        self, predicate: str, *, ends: tuple[str, ...], evidence: tuple[str, ...]
    ) -> Iterator[_Fault]:
        """Whether two things stand so: annotated or clear from the boxes, and never otherwise."""
        subject, other = ends
        opposite = OPPOSITE.get(predicate)
        boxes = self._boxes(ends)
        seen = geometric_predicate(boxes[0], other_px=boxes[1]) if len(boxes) == 2 else None
        if predicate in TOUCHING and len(boxes) == 2 and are_apart(boxes[0], second_px=boxes[1]):
            yield Fault.CONTRADICTED, "their boxes lie far apart"
        if opposite is not None and seen == opposite:
            yield Fault.CONTRADICTED, f"their boxes say {opposite!r}"
        for found in self.scene.relations:
            names = (found.subject, found.predicate, found.object)
            if opposite is not None and names in (
                (subject, opposite, other), (other, predicate, subject),
            ):  # fmt: skip
                yield Fault.CONTRADICTED, f"the scene says {' '.join(names)}"
        annotated = any(
            (found.subject, found.predicate, found.object) == (subject, predicate, other)
            for found in self.scene.relations
        )
        proof = f"boxes:{subject}|{other}" in evidence and seen == predicate
        if not annotated and not proof:
            yield Fault.UNSUPPORTED, "neither the scene nor the boxes say so"

    def _boxes(self, ends: tuple[str, ...]) -> list[BoxPx]:
        things = [self.scene.thing(key) for key in ends]
        return [thing.box_px for thing in things if thing is not None and thing.box_px]

    def _step(self, claim: Step) -> Iterator[_Fault]:
        if claim.action in LOOKING:
            return
        number = _after("robot:steps.", claim.evidence)
        steps = () if self.scene.robot is None else self.scene.robot.steps
        place = int(number) if number is not None and number.isdecimal() else len(steps)
        if place >= len(steps):
            yield Fault.UNSUPPORTED, "the scene has no such step"
            return
        step = steps[place]
        if claim.action != step.action or claim.text not in (step.text, step.text_zh):
            yield Fault.CONTRADICTED, f"step {place} is to {step.text!r}"
        if place <= self._last_step:
            yield Fault.CONTRADICTED, "it comes before the step in front of it"
        self._last_step = place

    def _fact(self, claim: Expectation) -> Iterator[_Fault]:
        things = [
            thing for key in self._scene_ids(claim.objects) if (thing := self.scene.thing(key))
        ]
        if not claim.fact.startswith("ends "):  # what is hidden now may be expected to arrive
            yield from self._unseen(claim.objects)
        match claim.fact:
            case "ends in" | "ends on" | "ends at":
                yield from self._end(claim)
            case "only":
                yield from self._count(things[0].name if things else "", count=1)
            case "count":
                name = _after("count:", claim.evidence)
                if name is not None:
                    yield from self._count(name, count=len(things))
            case "present":
                if not things:
                    yield Fault.UNSUPPORTED, "none is seen"
            case "absent":
                name = _after("not_there:", claim.evidence)
                if name is not None and self.scene.named(name):
                    yield Fault.CONTRADICTED, f"there is {name!r}"
                elif name is None or not self.scene.is_absent(name):
                    yield Fault.UNSUPPORTED, "nobody has looked for it"
            case "attribute":
                if not (things and things[0].attributes):
                    yield Fault.UNSUPPORTED, "nothing is known of what it is like"
            case _ if len(things) == 2:
                ends = self._scene_ids(claim.objects)
                yield from self._stand(claim.fact, ends=ends, evidence=claim.evidence)
            case _:
                yield Fault.UNSUPPORTED, f"nothing proves {claim.fact!r}"
        text = self._sentence(claim, things=things)
        if text is not None and claim.text != text:
            yield Fault.CONTRADICTED, f"the sentence would be {text!r}"

    def _sentence(self, claim: Expectation, *, things: list[SceneObject]) -> str | None:
        """What the fact is in words; None where the scene does not tell."""
        robot = self.scene.robot or RobotScene()
        names = [called(thing, language=self.language) for thing in things]
        match claim.fact:
            case "ends in" | "ends on" | "ends at":
                both = (self.scene.thing(key) for key in (robot.target, robot.destination))
                names = [called(thing, language=self.language) for thing in both if thing]
            case "count":
                name = _after("count:", claim.evidence)
                counted = ALL_THINGS[self.language] if name is None else self._named(name)
                names = [counted, str(len(things))]
            case "absent":
                names = [self._named(_after("not_there:", claim.evidence) or "")]
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

    def _end(self, claim: Expectation) -> Iterator[_Fault]:
        robot = self.scene.robot or RobotScene()
        if robot.succeeds is False:
            yield Fault.CONTRADICTED, "the episode fails"
        elif claim.fact == "ends at":
            if claim.box_px is None or robot.final_box_px is None:
                yield Fault.UNSUPPORTED, "it is not known where it ends"
        elif robot.succeeds is None:
            yield Fault.UNSUPPORTED, "it is not known how it ends"
        elif claim.fact != f"ends {robot.placing}":
            yield Fault.CONTRADICTED, f"it ends {robot.placing} its destination"
        if claim.box_px is not None and claim.box_px != robot.final_box_px:
            yield Fault.CONTRADICTED, f"it ends at {robot.final_box_px}"

    def _count(self, name: str, *, count: int) -> Iterator[_Fault]:
        found = len(self.scene.named(name))
        if not self.scene.can_count(name):
            yield Fault.UNSUPPORTED, f"not every {name!r} is annotated"
        elif found != count:
            yield Fault.CONTRADICTED, f"the scene has {found}"


def _inverse(said: tuple[str, ...]) -> tuple[str, ...] | None:
    """The same fact told from the other end; None for what has no other end."""
    match said:
        case ("relation", predicate, subject, other) if predicate in OPPOSITE:
            return ("relation", OPPOSITE[predicate], other, subject)
        case _:
            return None


def _after(start: str, evidence: tuple[str, ...]) -> str | None:
    """The rest of the first piece of evidence that begins so."""
    return next((text.removeprefix(start) for text in evidence if text.startswith(start)), None)
