"""`unpack`: archives of pictures become folders."""

from __future__ import annotations

from pathlib import Path

from roboloop.base.progress import console, progress_bar


def unpack(*archives: Path, out: Path | None = None) -> int:
    """Unpack zip archives, also in parts (`name.zip.00`, `name.zip.01` ...), safely.

    An archive with a name that leads out of the folder, a link, or a size out of all proportion is
    refused before anything is written. Files that are there and whole are kept: a stopped call can
    be repeated. Most sources read archives in place, so unpacking is a matter of speed and taste.

    Args:
        archives: Archives, or any of their parts; naming all parts is naming the archive once.
        out: Folder to write to; the folder of each archive when left out.
    """
    from roboloop.base.errors import RoboLoopError
    from roboloop.records.split_files import archive_name
    from roboloop.records.unpack import plan_unpack, unpack_archive

    if not archives:
        raise RoboLoopError("E-DAT-001", "nothing to unpack", fix="roboloop unpack ARCHIVE...")
    for archive in archives:
        if not archive.is_file():
            raise RoboLoopError("E-DAT-001", f"there is no archive {str(archive)!r}")
    plans = [plan_unpack(archive) for archive in dict.fromkeys(map(archive_name, archives))]
    for plan in plans:
        folder = plan.archive.parent if out is None else out
        with progress_bar(f"unpack {plan.archive.name}", total=plan.num_files) as bar:
            done = unpack_archive(plan, out=folder, on_file=bar.advance)
        kept = f", {done.num_kept:,} were there" if done.num_kept else ""
        console().print(f"{folder}: {done.num_written:,} files written{kept}", soft_wrap=True)
    return 0
