"""Puts reasoning together claim by claim; each takes its words and its evidence from the scene."""

from __future__ import annotations

from collections.abc import Sequence

from roboloop.base.errors import RoboLoopError
from roboloop.compose.names_zh import chinese_name
from roboloop.compose.reason_phrases import fact_text, step_text
from roboloop.records.reasoning import (
    Expectation,
    Language,
    See,
    SeeDoExpect,
    SeenObject,
    SeenRelation,
    Step,
)
from roboloop.records.scene import Scene, SceneObject, SceneRelation
from roboloop.records.typed import BoxCorners


class Claims:
    """Reasoning under way.

    Args:
        scene: What everything is derived from.
        language: In which it is said.
    """

    def __init__(self, scene: Scene, *, language: Language) -> None:
        self.scene = scene
        self.language: Language = language
        self._ids: dict[str, str] = {}
        self._objects: list[SeenObject] = []
        self._relations: list[SeenRelation] = []
        self._steps: list[Step] = []
        self._facts: list[Expectation] = []

    def see(self, thing: SceneObject, *, with_attributes: bool = False) -> None:
        """Claim that a thing is seen.

        Raises:
            RoboLoopError: E-CMP-010 for one without a box.
        """
        if thing.id in self._ids:
            return
        if thing.box_px is None:
            raise RoboLoopError("E-CMP-010", f"{thing.name!r} is hidden")
        self._ids[thing.id] = str(len(self._ids) + 1)
        self._objects.append(
            SeenObject(
                id=self._ids[thing.id],
                name=self.called(thing),
                box_px=thing.box_px,
                attributes=thing.attributes if with_attributes else (),
                evidence=(f"object:{thing.id}",),
            )
        )

    def sees(self, key: str) -> bool:
        """Whether the thing with this id in the scene has been claimed."""
        return key in self._ids

    def relate(self, relation: SceneRelation) -> None:
        """Claim that two things that are seen stand so."""
        self._relations.append(
            SeenRelation(
                subject=self._ids[relation.subject],
                predicate=relation.predicate,
                object=self._ids[relation.object],
                evidence=(relation_evidence(relation),),
            )
        )

    def look(self, action: str, *things: SceneObject, name: str = "") -> None:
        """A step of looking, at things that are seen or for a name."""
        names = [self.called(thing) for thing in things] or [name]
        evidence = [f"object:{thing.id}" for thing in things] or [f"name:{name}"]
        self._steps.append(
            Step(
                action=action,
                objects=tuple(self._ids[thing.id] for thing in things),
                text=step_text(action, names=names, language=self.language),
                evidence=tuple(evidence),
            )
        )

    def act(self, number: int) -> None:
        """The robot's step of this number, in the words of the scene."""
        assert self.scene.robot is not None
        step = self.scene.robot.steps[number]
        text = step.text_zh if self.language == "zh" else step.text
        if not text:
            raise RoboLoopError("E-CMP-010", f"step {step.text!r} has no words in Chinese")
        self._steps.append(
            Step(
                action=step.action,
                objects=tuple(self._ids[key] for key in step.objects if key in self._ids),
                text=text,
                evidence=(f"robot:steps.{number}",),
            )
        )

    def expect(
        self,
        fact: str,
        things: Sequence[SceneObject] = (),
        *,
        words: Sequence[str] | None = None,
        evidence: Sequence[str],
        box_px: BoxCorners | None = None,
    ) -> None:
        """A fact about things that are seen.

        Args:
            fact: Its predicate.
            things: What it is about.
            words: What fills its sentence; the names of the things when left out.
            evidence: What proves it.
            box_px: Where the first thing is then.
        """
        names = list(map(self.called, things)) if words is None else words
        self._facts.append(
            Expectation(
                fact=fact,
                objects=tuple(self._ids[thing.id] for thing in things if thing.id in self._ids),
                text=fact_text(fact, names=names, language=self.language),
                box_px=box_px,
                evidence=tuple(evidence),
            )
        )

    def called(self, thing: SceneObject) -> str:
        """Its name in the language of the reasoning."""
        return called(thing, language=self.language)

    def done(self) -> SeeDoExpect:
        """The reasoning.

        Raises:
            RoboLoopError: E-CMP-010 when a part of it is empty.
        """
        parts = {"see": self._objects, "do": self._steps, "expect": self._facts}
        for part, claims in parts.items():
            if not claims:
                raise RoboLoopError("E-CMP-010", f"there is nothing to {part}")
        return SeeDoExpect(
            language=self.language,
            picture=self.scene.picture,
            see=See(objects=tuple(self._objects), relations=tuple(self._relations)),
            do=tuple(self._steps),
            expect=tuple(self._facts),
        )


def called(thing: SceneObject, *, language: Language) -> str:
    """The name of a thing; in Chinese one that has no Chinese name stands in quotation marks."""
    if language == "en":
        return thing.name
    return thing.name_zh or chinese_name(thing.name) or f"“{thing.name}”"


def relation_evidence(relation: SceneRelation) -> str:
    """`relation:a|left of|b`, or `boxes:a|b` where it follows from the boxes."""
    if relation.source == "geometric":
        return f"boxes:{relation.subject}|{relation.object}"
    return f"relation:{relation.subject}|{relation.predicate}|{relation.object}"
