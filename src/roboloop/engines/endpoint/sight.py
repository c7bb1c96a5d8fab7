"""Whether a server shows its model pictures at the size that the dialect reads places in.

A server with another budget of pixels resizes a picture again: every box of a model that writes
pixels is then shifted, and nothing else tells. The tokens of a question with a picture, less those
of the same question without, give the size away.
"""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.engines.base import Request, Response
from roboloop.engines.endpoint.engine import EndpointEngine

PROBE_TOKENS = (64, 32)
"""Width and height of the picture that is shown, in tokens of the model."""
NUM_MARKS = 2
"""Tokens that stand around a picture in Qwen's template."""
GREY = (128, 128, 128)


def check_sight(engine: EndpointEngine) -> str:
    """Ask two questions of one token and compare what they cost.

    Returns:
        One sentence for the user: what was seen, or why nothing could be.

    Raises:
        RoboLoopError: E-ENG-015 when the server shows another size; E-ENG-010 or E-ENG-011 when it
            does not answer.
    """
    factor: int | None = getattr(engine.dialect, "factor", None)
    if factor is None:
        return "its dialect does not depend on the size at which pictures are seen"
    size = PictureSize(PROBE_TOKENS[0] * factor, PROBE_TOKENS[1] * factor)
    wanted = engine.dialect.picture_tokens(size)
    assert wanted is not None, "dialects with a factor count tokens"
    with_picture, without = _asked(engine, size=size)
    error = with_picture.error or without.error
    if error:
        return f"the size at which it sees pictures was not checked: {error}"
    if with_picture.num_prompt_tokens is None or without.num_prompt_tokens is None:
        return "the size at which it sees pictures was not checked: it does not count tokens"
    seen = with_picture.num_prompt_tokens - without.num_prompt_tokens - NUM_MARKS
    if seen != wanted:
        raise RoboLoopError(
            "E-ENG-015",
            f"a picture of {size.width}x{size.height} takes {seen} tokens there, dialect "
            f"{engine.dialect.kind} says {wanted}",
        )
    return f"it sees pictures as its dialect says ({size.width}x{size.height} is {seen} tokens)"


def _asked(engine: EndpointEngine, *, size: PictureSize) -> list[Response]:
    short = EndpointEngine(
        engine.config,
        profile=replace(engine.profile, max_new_tokens=1),
        dialect=engine.dialect,
        kind=engine.kind,
    )
    picture = Image.new("RGB", size, GREY)
    return list(
        short.answer(
            Request(record_id=name, question="?", pictures=lambda shown=shown: shown)
            for name, shown in (("with", [picture]), ("without", []))
        )
    )
