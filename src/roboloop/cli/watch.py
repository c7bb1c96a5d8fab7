"""`watch`: a page that follows a training that is going on."""

from __future__ import annotations

import time
from pathlib import Path

from roboloop.base.progress import console


def watch(run: Path, /, *, out: Path | None = None, every_seconds: float = 2.0) -> int:
    """Keep a page of training curves up to date until the training has reached its last step.

    `roboloop run` and `train` keep such a page themselves, in the run's folder `live`; this is for
    trainings that something else started, LLaMA-Factory's too.

    Args:
        run: A run folder, or a trainer_log.jsonl.
        out: Folder of the page; `watch` beside what is watched when left out.
        every_seconds: Time between two looks.
    """
    from roboloop.report.training_page import LivePage
    from roboloop.runs.training_log import has_ended, logs_of

    home = run if run.is_dir() else run.parent
    page = LivePage(out or home / "watch", title=run.resolve().name)
    console().print(
        f"open it in a browser: file://{page.page.resolve()}", markup=False, soft_wrap=True
    )
    print(page.page, flush=True)  # noqa: T201
    while True:
        logs = logs_of(run)
        ended = has_ended(logs)
        page.update(logs, goes_on=not ended)
        if ended:
            return 0
        time.sleep(every_seconds)
