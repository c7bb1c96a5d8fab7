"""The words of reasoning in English and Chinese: keys, requests, and how relations are said."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KEYS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "see": "see", "do": "do", "expect": "expect", "objects": "objects", "id": "id",
            "name": "name", "box": "box", "attributes": "attributes", "relations": "relations",
            "facts": "facts", "picture": "picture", "text": "text",
        },
        "zh": {
            "see": "看", "do": "做", "expect": "期望", "objects": "物体", "id": "编号",
            "name": "名称", "box": "框", "attributes": "属性", "relations": "关系",
            "facts": "事实", "picture": "图", "text": "内容",
        },
    }
)  # fmt: skip
"""Language -> key -> the key as it is written."""

REQUESTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "json": "First, as JSON: what you see, do and expect.",
            "prose": "First, in short: what you see, do and expect.",
            "planner": "First, as JSON: your plan.",
            "think": "Think in tags.",
            "tell": "Then give the answer in a tag.",
        },
        "zh": {
            "json": "请先用 JSON 写出看、做、期望。",
            "prose": "请先简要说明看、做、期望。",
            "planner": "请先用 JSON 写出规划。",
            "think": "思考写在标签内。",
            "tell": "然后在标签内给出答案。",
        },
    }
)
"""Language -> what the question asks for besides its answer."""

PREDICATES_ZH: Mapping[str, str] = MappingProxyType(
    {
        "left of": "{subject}在{object}的左边",
        "right of": "{subject}在{object}的右边",
        "in front of": "{subject}在{object}的前面",
        "behind": "{subject}在{object}的后面",
        "above": "{subject}在{object}的上方",
        "below": "{subject}在{object}的下方",
        "under": "{subject}在{object}下面",
        "underneath": "{subject}在{object}下面",
        "beneath": "{subject}在{object}下面",
        "on": "{subject}在{object}上",
        "on top of": "{subject}在{object}顶上",
        "sitting on": "{subject}坐在{object}上",
        "standing on": "{subject}站在{object}上",
        "parked on": "{subject}停在{object}上",
        "hanging on": "{subject}挂在{object}上",
        "in": "{subject}在{object}里",
        "inside": "{subject}在{object}里面",
        "inside of": "{subject}在{object}里面",
        "contains": "{object}的范围在{subject}之内",
        "holds": "{subject}夹着{object}",
        "holding": "{subject}拿着{object}",
        "carrying": "{subject}带着{object}",
        "riding": "{subject}骑着{object}",
        "wearing": "{subject}穿戴着{object}",
        "wears": "{subject}穿戴着{object}",
        "has": "{subject}有{object}",
        "with": "{subject}带有{object}",
        "of": "{subject}属于{object}",
        "near": "{subject}靠近{object}",
        "next to": "{subject}在{object}旁边",
        "beside": "{subject}在{object}旁边",
        "by": "{subject}在{object}旁边",
        "along": "{subject}沿着{object}",
        "across": "{subject}在{object}对面",
        "at": "{subject}在{object}处",
        "touches": "{subject}接触{object}",
    }
)
"""Predicate -> how it is said in Chinese; a predicate that is not here is said in English only."""


def can_say(predicate: str, *, language: str) -> bool:
    """Whether a relation has words in the language."""
    return language != "zh" or predicate in PREDICATES_ZH


def relation_words(predicate: str, *, subject: str, other: str, language: str) -> str:
    """`mug left of tray`, or the same in Chinese."""
    if language == "zh" and predicate in PREDICATES_ZH:
        return PREDICATES_ZH[predicate].format(subject=subject, object=other)
    return f"{subject} {predicate} {other}"
