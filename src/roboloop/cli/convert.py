"""`convert`: record files in the forms that other trainers read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from roboloop.base.progress import console

Form = Literal["llava", "sharegpt", "messages", "alpaca", "lerobot"]


def convert(
    records: Path,
    *,
    to: Form,
    out: Path,
    coordinates: str | None = None,
    keep: bool = False,
    copy: bool = False,
) -> int:
    """Write records as LLaVA, ShareGPT, chat messages, Alpaca, or as LeRobot annotation columns.

    Ends with status 1 when a record was left out.

    Args:
        records: A record file (.jsonl, .parquet) or a folder of them.
        to: The form.
        out: The file: .json or .jsonl; .parquet for lerobot.
        coordinates: The dialect in which coordinates are written, such as plain or qwen3_vl.
        keep: Put the whole record into each entry too, so that nothing is lost.
        copy: Copy all pictures to a folder beside the file, instead of naming them where they are.
    """
    from rich.markup import escape

    from roboloop.dialects import load_dialect
    from roboloop.sources.export.write import export_columns, export_entries

    if to == "lerobot":
        made = export_columns(records, out=out)
    else:
        dialect = None if coordinates is None else load_dialect(coordinates)
        made = export_entries(records, form=to, out=out, dialect=dialect, keep=keep, copy=copy)
    said = console()
    for error in made.left_out:
        said.print(f"[red]left out[/] {escape(str(error))}", soft_wrap=True)
    colour = "green" if not made.left_out else "red"
    said.print(f"[{colour}]{made.num_entries:,} written, {len(made.left_out):,} left out[/]")
    if made.image_folder is not None:
        said.print(f"image_folder: {made.image_folder}", soft_wrap=True)
    return 1 if made.left_out else 0
