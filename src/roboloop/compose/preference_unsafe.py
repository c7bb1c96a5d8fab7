"""preference_unsafe: refuse what is dangerous, and do what is not.

A dangerous task and the harmless one made beside it give pairs that mirror one another: the same
refusal is chosen for the one and rejected for the other, and so are plans. So neither refusing nor
planning wins by itself, and no length does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.compose.balance import Balancer
from roboloop.compose.base import PARENTS_KEY, ComposeContext, Composer, Refusal
from roboloop.compose.margin import Margin, scored
from roboloop.compose.preference import pair_of
from roboloop.records.answers import Text
from roboloop.records.episode_words import numbered
from roboloop.records.household_task import HouseholdTask, household_task_of
from roboloop.records.record import Record, Turn

ANY_GAP = Margin(fraction=1e-6)
"""What makes an answer wrong is the danger; the metric only has to agree."""
TWO_PLANS = "safe_plan"
"""Name of the pairs of a harmless and a dangerous plan."""
HARMS = {
    "fire": "it could start a fire",
    "electric shock": "somebody could get an electric shock",
    "explosion": "something could explode",
    "poisoning": "somebody could be poisoned",
    "injury": "somebody could get hurt",
    "slipping": "somebody could slip",
    "breakage": "something would break",
    "spill": "liquid would do damage",
    "misuse of an appliance": "an appliance could be ruined",
    "damage": "things would be damaged",
    "loss": "something would be lost or wasted",
}
"""Danger -> what a refusal says of it."""


PICK_UP, POUR_OVER = "pick up the ", "pour it over the "
HOLD_LIQUID = (
    "bathtub", "bathtub basin", "bottle", "bowl", "cup", "garbage can", "house plant", "kettle",
    "mug", "pan", "plate", "pot", "sink", "sink basin", "toilet", "vase", "watercontainer",
    "watering can", "wine bottle",
)  # fmt: skip
"""What a liquid may be poured into, or over."""


class _Told(NamedTuple):
    record: Record
    task: HouseholdTask


class PreferenceUnsafe(Composer):
    """Pairs of a dangerous task and the harmless one beside it: refusals against plans."""

    kind: Literal["preference_unsafe"] = "preference_unsafe"  # pyright: ignore[reportIncompatibleVariableOverride]
    balance: bool = True
    """Drop pairs of two plans whose length and looks tell which is worse; the others mirror one
    another."""

    def compose(
        self, parents: Iterable[Record], context: ComposeContext
    ) -> Iterator[Record | Refusal]:
        """Three pairs of every harmless task whose dangerous one is among the parents.

        A task without its counterpart is refused with E-CMP-024, two plans of which one gives
        itself away with E-PRF-002.
        """
        del context
        balancer = Balancer()
        dangerous: dict[str, _Told] = {}
        harmless: list[_Told] = []
        for parent in parents:
            try:
                task = household_task_of(parent)
            except RoboLoopError as error:
                yield Refusal(error.located(Place(record_id=parent.id)), parent.id)
                continue
            if task is not None and task.dangers:
                dangerous.setdefault(_key(task.instruction), _Told(parent, task))
            elif task is not None and (spilled := spilled_over(task.steps)):
                error = RoboLoopError("E-CMP-021", f"its plan pours something over the {spilled}")
                yield Refusal(error.located(Place(record_id=parent.id)), parent.id)
            elif task is not None:
                harmless.append(_Told(parent, task))
        used: set[str] = set()
        for safe in harmless:
            key = _key(safe.task.beside)
            if key not in dangerous:
                yield _alone(safe, what="dangerous")
                continue
            for pair in self._pairs(safe, unsafe=dangerous[key], refuse=key not in used):
                if self.balance and isinstance(pair, Record) and pair.id.endswith(TWO_PLANS):
                    yield from balancer.take(pair, others=iter(()))
                else:
                    yield pair
            used.add(key)
        yield from balancer.rest()
        for key, unsafe in dangerous.items():
            if key not in used:
                yield _alone(unsafe, what="harmless")

    def _pairs(self, safe: _Told, *, unsafe: _Told, refuse: bool) -> Iterator[Record | Refusal]:
        """The pairs of two tasks; the dangerous one is refused once, whatever stands beside it."""
        refusal = refusal_of(unsafe.task)
        do_this, not_this = numbered(safe.task.steps), numbered(unsafe.task.steps)
        evidence: dict[str, Any] = {
            "dangers": list(unsafe.task.dangers),
            "dangerous_task": unsafe.record.id,
            "harmless_task": safe.record.id,
        }
        for what, told, chosen, rejected in (
            ("refuse", unsafe, refusal, not_this),
            ("do_not_refuse", safe, do_this, refusal),
            (TWO_PLANS, safe, do_this, not_this),
        ):
            if told is unsafe and not refuse:
                continue
            try:
                yield self._pair(
                    told, what=what, chosen=chosen, rejected=rejected, evidence=evidence,
                    other=unsafe if told is safe else safe,
                )  # fmt: skip
            except RoboLoopError as error:
                yield Refusal(error, told.record.id)

    def _pair(
        self, told: _Told, *, what: str, chosen: str, rejected: str, evidence: dict[str, Any],
        other: _Told,
    ) -> Record:  # fmt: skip
        asked = told.task.instruction.rstrip(" .")
        words = (
            f"A robot at home is told: '{asked}'. Write its steps, or refuse if it should not be "
            "done, and say why."
        )
        question = replace(
            told.record,
            task="planning",
            inputs={"question": words},
            turns=(Turn("user", words),),
            answer=Text(chosen),
            meta={key: told.record.meta[key] for key in ("scene",) if key in told.record.meta},
        )
        gap = ANY_GAP.prove(
            question,
            chosen=scored(question, answer=Text(chosen)),
            rejected=scored(question, answer=Text(rejected)),
        )
        pair = pair_of(
            question, what=what, label=self.label, chosen=Text(chosen), rejected=Text(rejected),
            evidence={**evidence, "gap": gap._asdict()},
        )  # fmt: skip
        return replace(pair, meta={**pair.meta, PARENTS_KEY: [told.record.id, other.record.id]})


def refusal_of(task: HouseholdTask) -> str:
    """How the robot refuses a dangerous task."""
    harms = [HARMS.get(danger, f"there is a danger of {danger}") for danger in task.dangers]
    return f"I will not do this: {' and '.join(harms)}."


def spilled_over(steps: Sequence[str]) -> str:
    """What is poured over that holds no liquid, or is the very thing in the hand; else empty.

    Some tasks that the data set calls harmless have water poured over a desk, or a mug that is
    poured over itself.
    """
    in_hand = ""
    for step in steps:
        in_hand = step.removeprefix(PICK_UP) if step.startswith(PICK_UP) else in_hand
        target = step.removeprefix(POUR_OVER)
        if target != step and (target == in_hand or target not in HOLD_LIQUID):
            return target
    return ""


def _key(instruction: str) -> str:
    return " ".join(instruction.lower().split()).strip(" .\"'")


def _alone(told: _Told, *, what: str) -> Refusal:
    error = RoboLoopError(
        "E-CMP-024",
        f"there is no {what} task beside it",
        place=Place(record_id=told.record.id),
    )
    return Refusal(error, told.record.id)
