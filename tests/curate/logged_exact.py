"""An operator that logs every piece it begins, for tests that kill it."""

from __future__ import annotations

import os
import time
from typing import Any, Literal

from roboloop.curate.base import CurateContext
from roboloop.curate.exact import ExactDuplicates

LOG = "LOGGED_EXACT_LOG"
SECONDS_PER_PIECE = 0.02


class LoggedExact(ExactDuplicates):
    """As `exact`, with a line in the file that LOGGED_EXACT_LOG names for each piece it begins."""

    kind: Literal["logged_exact"] = "logged_exact"  # pyright: ignore

    def sketch(self, batch: Any, context: CurateContext) -> Any:
        with open(os.environ[LOG], "a") as stream:  # noqa: PTH123
            stream.write(f"{batch['id'][0].as_py()}\n")
        time.sleep(SECONDS_PER_PIECE)
        return super().sketch(batch, context)
