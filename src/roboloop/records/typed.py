"""Frozen models of JSON inside a record: one definition is the type, the check and the schema."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.types import AllowInfNan, Strict

from roboloop.base.errors import RoboLoopError

NumberPx = Annotated[float, Strict(), AllowInfNan(False)]
"""A finite coordinate in pixels; text that looks like a number is none."""
BoxCorners = tuple[NumberPx, NumberPx, NumberPx, NumberPx]
"""[x1, y1, x2, y2] in pixels of the original picture, x to the right, y down."""
PlacePx = tuple[NumberPx, NumberPx]
"""[x, y] in pixels of the original picture."""
Word = Annotated[str, Field(min_length=1)]


class Typed(BaseModel):
    """A JSON object with known keys. Keys at their default are left out when it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """The model of a JSON value.

        Raises:
            RoboLoopError: E-REC-002 for a missing or unknown key, E-REC-003 for a wrong value;
                the message names the place in the value.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "it"
            code = "E-REC-002" if first["type"] in ("missing", "extra_forbidden") else "E-REC-003"
            what = cls.__name__.lower()
            raise RoboLoopError(code, f"{what}: {where}: {first['msg'].lower()}") from error

    def to_json(self) -> dict[str, Any]:
        """The inverse of `from_json`."""
        return self.model_dump(mode="json", exclude_defaults=True)
