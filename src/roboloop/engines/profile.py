"""A profile: how one family of models is asked, and in which convention it writes places.

A profile is named, or found by the name or the configuration of a model in a rule that says so
(`choose_profile`). It is never inferred from what a model answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from roboloop.dialects import Dialect, load_dialect

TokenLimit = Literal["max_tokens", "max_completion_tokens"]
"""Name of the field that holds the longest answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How a family of models is asked.

    Attributes:
        name: As in `roboloop list profiles`.
        title: One line about it.
        dialect: Kind of its convention for places.
        dialect_options: That dialect's own options.
        has_own_convention: False for models that write places in whatever way they are asked to;
            a question about places then has to say how (`Dialect.format_hint`).
        system: System text; none is sent when it is empty.
        before_question, after_question: Text around every question.
        answer_start: What every answer is made to begin with; it counts as part of the answer.
        thinks: Whether it writes thoughts before its answer, in tags. The dialects and the
            benchmarks read what follows them.
        stop: Texts that end an answer, besides the model's own end tokens.
        temperature: Always sent; 0 is the most likely token each time.
        token_limit: Name of the field with the longest answer.
        max_new_tokens: Longest answer unless one is given.
        max_pictures: Most pictures in one question unless the server tells another limit.
        api_key_env: Environment variable that holds the key.
        model_names: Patterns of names of such models, matched anywhere and in any case.
        model_types: `model_type` of such models in `config.json`.
    """

    name: str
    title: str
    dialect: str
    dialect_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    has_own_convention: bool = True
    system: str = ""
    before_question: str = ""
    after_question: str = ""
    answer_start: str = ""
    thinks: bool = False
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    token_limit: TokenLimit = "max_tokens"
    max_new_tokens: int = 512
    max_pictures: int = 32
    api_key_env: str = "OPENAI_API_KEY"
    model_names: tuple[str, ...] = ()
    model_types: tuple[str, ...] = ()

    def load_dialect(self, **options: Any) -> Dialect:
        """The dialect, with further options such as a budget of pixels."""
        return load_dialect(self.dialect, **{**self.dialect_options, **options})

    def is_named_in(self, model: str) -> bool:
        """Whether a model's name is one of this family."""
        return any(re.search(pattern, model, re.IGNORECASE) for pattern in self.model_names)

    def shaping(self) -> dict[str, Any]:
        """All of it that shapes an answer, for the name under which answers are stored."""
        return {
            "system": self.system,
            "around": [self.before_question, self.after_question],
            "answer_start": self.answer_start,
            "stop": list(self.stop),
            "temperature": self.temperature,
        }
