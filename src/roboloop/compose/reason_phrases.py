"""How steps of looking and expected facts are said, in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from roboloop.tasks.reasoning_words import relation_words

STEPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "find": {"en": "find the {0}", "zh": "找到{0}"},
        "compare": {"en": "compare where the {0} and the {1} are", "zh": "比较{0}和{1}的位置"},
        "relate": {"en": "look how the {0} and the {1} are related", "zh": "观察{0}和{1}的关系"},
        "count": {"en": "count them", "zh": "逐一计数"},
        "look_for": {"en": "look for: {0}", "zh": "寻找：{0}"},
        "inspect": {"en": "look at the {0} closely", "zh": "仔细观察{0}"},
    }
)
"""Action -> language -> template; a robot's steps bring their own words."""

FACTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "ends in": {"en": "the {0} is in the {1}", "zh": "{0}在{1}里"},
        "ends on": {"en": "the {0} is on the {1}", "zh": "{0}在{1}上"},
        "ends at": {"en": "the {0} ends here", "zh": "{0}最后在此处"},
        "only": {"en": "there is no other {0}", "zh": "没有别的{0}"},
        "only, many": {"en": "there are no other {0}"},
        "count": {"en": "number of {0}: {1}", "zh": "{0}的数量：{1}"},
        "present": {"en": "there is a {0}", "zh": "有{0}"},
        "present, many": {"en": "there are {0}"},
        "absent": {"en": "there is no {0}", "zh": "没有{0}"},
        "absent, many": {"en": "there are no {0}"},
        "attribute": {"en": "the {0} is {1}", "zh": "{0}是{1}"},
        "attribute, many": {"en": "the {0} are {1}"},
    }
)
"""Fact -> language -> template; any other fact is a relation."""

_IN_BRACKETS = re.compile(r"\s*\([^)]*\)")
_MANY = re.compile(
    r"(?<!s)(?<!u)(?<!i)(?<!canva)(?<!len)(?<!ga)(?<!atla)(?<!christma)s\Z|\b(?:people|men|women|children)\Z"
)
"""The end of a name of several things; `glass`, `bus`, `iris` and `lens` are one."""

ALL_THINGS: Mapping[str, str] = MappingProxyType({"en": "objects", "zh": "物体"})
"""What is counted when no name is asked for."""


def step_text(action: str, *, names: Sequence[str], language: str) -> str:
    """The words of a step of looking."""
    return STEPS[action][language].format(*names)


def fact_text(fact: str, *, names: Sequence[str], language: str) -> str:
    """The words of a fact."""
    if fact in FACTS:
        form = f"{fact}, many" if language == "en" and _are_many(fact, names) else fact
        text = FACTS[form][language].format(*names)
        return text.replace("a " + names[0], "an " + names[0]) if _takes_an(form, names) else text
    return relation_words(fact, subject=names[0], other=names[1], language=language)


def _are_many(fact: str, names: Sequence[str]) -> bool:
    """Whether a fact is said otherwise of several, and its thing has such a name: `trousers`."""
    name = _IN_BRACKETS.sub("", names[0])
    return f"{fact}, many" in FACTS and _MANY.search(name) is not None


def _takes_an(fact: str, names: Sequence[str]) -> bool:
    return fact == "present" and names[0][:1].lower() in "aeiou"
