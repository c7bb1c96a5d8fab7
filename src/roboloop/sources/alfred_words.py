"""The actions and things of an ALFRED plan, and their words.

ALFRED plans with eight actions over AI2-THOR's objects (askforalfred/alfred, `high_pddl`); `NoOp`
only ends a plan and says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from roboloop.base.errors import RoboLoopError

END = "NoOp"

_NUM_ARGUMENTS = {
    "GotoLocation": 1, "PickupObject": 1, "PutObject": 2, "SliceObject": 1, "CleanObject": 1,
    "HeatObject": 1, "CoolObject": 1, "ToggleObject": 1, END: 0,
}  # fmt: skip
_WORDS = {
    "alarmclock": "alarm clock", "baseballbat": "baseball bat", "bathtubbasin": "bathtub",
    "butterknife": "butter knife", "cd": "CD", "cellphone": "cell phone",
    "coffeemachine": "coffee machine", "coffeetable": "coffee table", "countertop": "countertop",
    "creditcard": "credit card", "desklamp": "desk lamp", "diningtable": "dining table",
    "dishsponge": "dish sponge", "floorlamp": "floor lamp", "garbagecan": "garbage can",
    "glassbottle": "glass bottle", "handtowel": "hand towel",
    "handtowelholder": "hand towel holder", "keychain": "key chain",
    "peppershaker": "pepper shaker", "remotecontrol": "remote control",
    "saltshaker": "salt shaker", "sidetable": "side table", "sinkbasin": "sink",
    "soapbar": "soap bar", "soapbottle": "soap bottle", "spraybottle": "spray bottle",
    "stoveburner": "stove burner", "tennisracket": "tennis racket", "tissuebox": "tissue box",
    "toiletpaper": "toilet paper", "toiletpaperhanger": "toilet paper hanger",
    "wateringcan": "watering can", "winebottle": "wine bottle",
}  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SLICED = "sliced"
_MORE_WORDS = {
    "countertop": "countertop", "houseplant": "house plant", "lightswitch": "light switch",
    "showercurtain": "shower curtain", "showerdoor": "shower door", "showerglass": "shower glass",
    "showerhead": "shower head", "stoveknob": "stove knob", "teddybear": "teddy bear",
    "tvstand": "TV stand",
}  # fmt: skip
_INSIDE = (
    "bathtubbasin", "bowl", "box", "cabinet", "coffeemachine", "cup", "drawer", "fridge",
    "garbagecan", "microwave", "mug", "pan", "pot", "safe", "sinkbasin",
)  # fmt: skip


class HighAction(NamedTuple):
    """An action of the plan, such as `PutObject` with the arguments `("knife", "countertop")`."""

    name: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


def object_words(name: str) -> str:
    """An AI2-THOR object in words: `butterknife` -> `butter knife`; unknown ones stay."""
    return _WORDS.get(name, name)


def type_words(raw: str) -> str:
    """A type of AI2-THOR in words: `StoveKnob`, `stoveknob` -> `stove knob`.

    `BreadSliced` is a `bread slice`.
    """
    joined = raw.replace(" ", "").lower()
    if joined.endswith(_SLICED) and joined != _SLICED:
        return f"{object_words(joined.removesuffix(_SLICED))} slice"
    if joined in _MORE_WORDS:
        return _MORE_WORDS[joined]
    known = object_words(joined)
    return known if known != joined else _CAMEL.sub(" ", raw).lower()


def is_container(name: str) -> bool:
    """Whether things are put in it; they are put on everything else."""
    return name in _INSIDE


def spelled_out(actions: Sequence[HighAction]) -> tuple[HighAction, ...]:
    """The actions without `NoOp`; an argument left empty becomes the object in hand.

    23 of ALFRED's 7,080 plans clean, heat or cool an object without a name: it is the one that
    was picked up last.

    Raises:
        RoboLoopError: E-DAT-004 for an unknown action, a wrong number of arguments, or an empty
            argument with nothing in hand.
    """
    whole: list[HighAction] = []
    in_hand: str | None = None
    for action in actions:
        if _NUM_ARGUMENTS.get(action.name) != len(action.arguments):
            raise RoboLoopError("E-DAT-004", f"{action} is no action of an ALFRED plan")
        if action.name == END:
            continue
        if "" in action.arguments:
            if in_hand is None:
                raise RoboLoopError("E-DAT-004", f"{action} names no object, and none is in hand")
            action = HighAction(
                action.name, tuple(argument or in_hand for argument in action.arguments)
            )
        if action.name == "PickupObject":
            in_hand = action.arguments[0]
        elif action.name == "PutObject":
            in_hand = None
        whole.append(action)
    return tuple(whole)
