"""`infer`: one question to a model, its answer as text, as places, and drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from roboloop.base.progress import console

if TYPE_CHECKING:
    from roboloop.dialects.base import Dialect
    from roboloop.engines.base import Response
    from roboloop.tasks.base import Mark


def infer(
    model: str,
    /,
    *,
    ask: str,
    image: tuple[Path, ...] = (),
    draw: Path | None = None,
    shape: Annotated[Literal["box", "points", "path"] | None, Parameter(name="--as")] = None,
    profile: str | None = None,
    dialect: str | None = None,
    name: str | None = None,
    max_new_tokens: int | None = None,
    as_json: Annotated[bool, Parameter("--json")] = False,
) -> int:
    """Ask a model one question about pictures, and draw the places it names.

    Prints the answer as the model wrote it. Exit status 1 means that no answer came.

    Args:
        model: A model folder, or a server: vllm:URL, openai:URL.
        ask: The question; `<image>` in it says where a picture stands, else they come first.
        image: Pictures, in order. May be given several times.
        draw: Write the first picture with the boxes, points or path of the answer; PNG or JPEG.
        shape: What the places in the answer are; boxes, else points, when left out.
        profile: One of `roboloop list profiles`; by the model's name or configuration when left
            out.
        dialect: One of `roboloop list dialects`; the profile's when left out.
        name: Name of the model on the server, where there are several.
        max_new_tokens: Longest answer.
        as_json: Print one JSON object with text, places in pixels, tokens and time.
    """
    from roboloop.base.errors import Place, RoboLoopError
    from roboloop.base.geometry import PictureSize
    from roboloop.base.pictures import decode_picture, plain_media_type
    from roboloop.dialects import load_dialect
    from roboloop.engines.base import Request
    from roboloop.engines.open import open_engine
    from roboloop.tasks.loose_marks import loose_marks

    if draw is not None and not image:
        raise RoboLoopError("E-CFG-003", "there is no picture to draw on", fix="Give --image.")
    missing = [path for path in image if not path.is_file()]
    if missing:
        raise RoboLoopError("E-MED-001", "there is no such file", place=Place(missing[0]))
    data = [path.read_bytes() for path in image]
    pictures = [decode_picture(each) for each in data]
    opened = open_engine(
        model if _is_spec(model) else f"local:{model}",
        profile=profile,
        dialect=load_dialect(dialect) if dialect else None,
        model=name,
        max_new_tokens=max_new_tokens,
        check_pictures=bool(image),
    )
    said = console()
    said.print(opened.because, soft_wrap=True, markup=False)
    request = Request(
        record_id="question",
        pictures=lambda: pictures,
        question=ask,
        encoded=lambda: [each if plain_media_type(each) else None for each in data],
    )
    (response,) = opened.engine.answer([request])
    if response.error:
        said.print(f"no answer: {response.error}", soft_wrap=True, markup=False)
        return 1
    size = PictureSize(*pictures[0].size) if pictures else None
    marks = (
        loose_marks(response.text, dialect=opened.dialect, size=size, shape=shape) if size else ()
    )
    if draw is not None:
        from roboloop.tasks.draw import draw_marks

        draw_marks(pictures[0], marks=marks)
        draw.parent.mkdir(parents=True, exist_ok=True)
        pictures[0].save(draw)
        said.print(f"{len(marks)} drawn: {draw}", soft_wrap=True, markup=False)
    shown = json.dumps(_as_json(response, marks, opened.dialect)) if as_json else response.text
    print(shown)  # noqa: T201 - the answer is data
    return 0


def _is_spec(text: str) -> bool:
    return text.startswith(("local:", "vllm:", "openai:", "http://", "https://"))


def _as_json(response: Response, marks: Sequence[Mark], dialect: Dialect) -> dict[str, Any]:
    return {
        "text": response.text,
        "marks": [
            {"shape": m.shape, "points_px": [list(p) for p in m.points_px], "label": m.label}
            for m in marks
        ],
        "dialect": dialect.kind,
        "finish_reason": response.finish_reason,
        "num_prompt_tokens": response.num_prompt_tokens,
        "num_new_tokens": response.num_new_tokens,
        "latency_seconds": response.latency_seconds,
    }
