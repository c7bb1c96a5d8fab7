"""Is reasoning consistent? Every claim is derived again from the scene, by its evidence alone.

A claim is *contradicted* when the scene says otherwise, *unsupported* when its evidence does not
prove it, *doubled* when it was made before, *redundant* when another claim already says it the
other way round. Nothing here looks at how the reasoning came about, so it holds for reasoning of
any origin, and for annotations that disagree among themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from roboloop.base.geometry import box_iou
from roboloop.compose.geometric import OPPOSITE
from roboloop.compose.reason_claims import called
from roboloop.compose.reason_facts import Fault, SceneFacts, Verdict, after
from roboloop.compose.reason_phrases import FACTS, STEPS
from roboloop.records.reasoning import (
    Expectation,
    Language,
    SeeDoExpect,
    SeenObject,
    SeenRelation,
    Step,
)
from roboloop.records.scene import Scene

Claim = SeenObject | SeenRelation | Step | Expectation

SAME_BOX_IOU = 0.99
"""Below it, a box is not the one of the scene."""
LOOKING = frozenset(STEPS)
"""Steps that need no proof but that their things are seen."""


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
    steps = tuple(filter(checker.accepts, reasoning.do))
    facts = tuple(filter(checker.accepts, reasoning.expect))
    if not checker.findings:
        return Checked(reasoning, ())
    if not (objects and steps and facts):
        return Checked(None, tuple(checker.findings))
    see = reasoning.see.model_copy(update={"objects": objects, "relations": relations})
    kept = reasoning.model_copy(update={"see": see, "do": steps, "expect": facts})
    return Checked(kept, tuple(checker.findings))


def claims_of(reasoning: SeeDoExpect) -> tuple[Claim, ...]:
    """All of its claims in their order."""
    see = reasoning.see
    return (*see.objects, *see.relations, *reasoning.do, *reasoning.expect)


@dataclass
class _Checker:
    """Meets the claims in their order and remembers those it accepts."""

    scene: Scene
    language: Language
    findings: list[Finding] = field(default_factory=list[Finding])

    def __post_init__(self) -> None:
        self._facts = SceneFacts(self.scene, self.language)
        self._keys: dict[str, str] = {}
        self._met: set[tuple[str, ...]] = set()
        self._last_step = -1

    def accepts(self, claim: Claim) -> bool:
        """Whether the claim is proven and new; else it becomes a finding."""
        said = self._said(claim)
        fault = None
        if said in self._met:
            fault = Verdict(Fault.DOUBLED, "it was said before")
        elif (inverse := _inverse(said)) is not None and inverse in self._met:
            fault = Verdict(Fault.REDUNDANT, "it was said the other way round")
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

    def _faults(self, claim: Claim) -> Iterator[Verdict]:
        match claim:
            case SeenObject():
                yield from self._object(claim)
            case SeenRelation():
                yield from self._unseen((claim.subject, claim.object))
                ends = self._scene_ids((claim.subject, claim.object))
                yield from self._facts.relation(claim.predicate, ends=ends, evidence=claim.evidence)
            case Step():
                yield from self._unseen(claim.objects)
                yield from self._step(claim)
            case Expectation():
                yield from self._fact(claim)

    def _object(self, claim: SeenObject) -> Iterator[Verdict]:
        key = after("object:", claim.evidence)
        thing = None if key is None else self.scene.thing(key)
        if thing is None or thing.box_px is None:
            yield Verdict(Fault.UNSUPPORTED, f"the scene shows no object {key}")
            return
        if claim.name != called(thing, language=self.language):
            yield Verdict(Fault.CONTRADICTED, f"it is called {thing.name!r}")
        if box_iou(claim.box_px, second_px=thing.box_px) < SAME_BOX_IOU:
            yield Verdict(Fault.CONTRADICTED, f"its box is {list(thing.box_px)}")
        if unknown := set(claim.attributes) - set(thing.attributes):
            yield Verdict(
                Fault.UNSUPPORTED, f"nothing says that it is {', '.join(sorted(unknown))}"
            )
        self._keys[claim.id] = thing.id

    def _unseen(self, ids: tuple[str, ...]) -> Iterator[Verdict]:
        for name in ids:
            if name not in self._keys:
                yield Verdict(Fault.UNSUPPORTED, f"it speaks of {name}, which is not seen")

    def _step(self, claim: Step) -> Iterator[Verdict]:
        if claim.action in LOOKING:
            return
        number = after("robot:steps.", claim.evidence)
        steps = () if self.scene.robot is None else self.scene.robot.steps
        place = int(number) if number is not None and number.isdecimal() else len(steps)
        if place >= len(steps):
            yield Verdict(Fault.UNSUPPORTED, "the scene has no such step")
            return
        step = steps[place]
        if claim.action != step.action or claim.text not in (step.text, step.text_zh):
            yield Verdict(Fault.CONTRADICTED, f"step {place} is to {step.text!r}")
        if place <= self._last_step:
            yield Verdict(Fault.CONTRADICTED, "it comes before the step in front of it")
        self._last_step = place

    def _fact(self, claim: Expectation) -> Iterator[Verdict]:
        keys = self._scene_ids(claim.objects)
        if not claim.fact.startswith("ends "):  # what is hidden now may be expected to arrive
            yield from self._unseen(claim.objects)
        things = [thing for key in keys if (thing := self.scene.thing(key))]
        yield from self._facts.fact(claim, things=things)


def _inverse(said: tuple[str, ...]) -> tuple[str, ...] | None:
    """The same fact told from the other end; None for what has no other end."""
    match said:
        case ("relation", predicate, subject, other) if predicate in OPPOSITE:
            return ("relation", OPPOSITE[predicate], other, subject)
        case _:
            return None
