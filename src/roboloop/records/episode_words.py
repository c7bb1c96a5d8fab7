"""The steps of symbolic episodes as sentences, without a full stop."""

from __future__ import annotations

from collections.abc import Iterable

from roboloop.records.episode import Action, EpisodeStep

_ORDINALS = ("", "", "second ", "third ", "fourth ", "fifth ")
_SENTENCES: dict[Action, str] = {
    "go_to": "go to the {place}",
    "pick_up": "pick up the {object}",
    "put": "put the {object} {where} the {place}",
    "slice": "slice the {object}",
    "clean": "clean the {object}",
    "heat": "heat the {object}",
    "cool": "cool the {object}",
    "turn_on": "turn on the {object}",
    "turn_off": "turn off the {object}",
    "open": "open the {object}",
    "close": "close the {object}",
    "fill": "fill the {object}",
    "pour": "pour it over the {object}",
    "push": "push the {object} to the {place}",
    "drop": "drop the {object}",
    "throw": "throw the {object}",
    "break": "break the {object}",
    "dirty": "make the {object} dirty",
    "move": "move the {object} {into} the {place}",
    "cut": "slice the {object} with the {tool} and leave the {tool} {where} the {place}",
}


def thing_words(name: str, *, number: int = 1) -> str:
    """`soap bar`, `second soap bar` ..., as they follow `the`."""
    ordinal = _ORDINALS[number] if number < len(_ORDINALS) else f"{number}th "
    return f"{ordinal}{name}"


def step_words(step: EpisodeStep) -> str:
    """The sentence of a symbolic step, made from its fields.

    Raises:
        KeyError: For an action that is not one of `ACTIONS`.
    """
    return _SENTENCES[step.action].format(  # pyright: ignore[reportArgumentType]
        object=" and the ".join(
            thing_words(step.object, number=step.number + index) for index in range(step.count)
        ),
        place=step.place,
        where="in" if step.inside else "on",
        into="into" if step.inside else "onto",
        tool=step.tool,
    )


def numbered(steps: Iterable[str]) -> str:
    """Sentences as the lines of a numbered list."""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))
