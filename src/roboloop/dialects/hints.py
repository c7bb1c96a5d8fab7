"""Sentences for prompts that say how coordinates are to be written, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

_TEMPLATES = {
    "en": "Write the answer as {example}, {units}.",
    "zh": "请按 {example} 的格式作答，{units}。",
}


def hint(example: str, *, units: Mapping[str, str], language: str) -> str:
    """One sentence with an example of the notation and the meaning of its numbers."""
    return _TEMPLATES[language].format(example=example, units=units[language])
