"""A small composer: how many words an answer has. As a script, `roboloop` with it in the table."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from typing import Literal

from roboloop.base.errors import RoboLoopError
from roboloop.compose import COMPOSERS
from roboloop.compose.base import (
    COMPOSER_KEY,
    EVIDENCE_KEY,
    PARENTS_KEY,
    ComposeContext,
    Composer,
    Refusal,
)
from roboloop.records import Number, Record, Text


class CountWords(Composer):
    """Asks how many words the answer to a question has; refuses answers of one word."""

    kind: Literal["count_words"] = "count_words"  # pyright: ignore[reportIncompatibleVariableOverride]
    killed_over: str = ""
    """Id of a parent over which the process is killed, once."""
    doubles: str = ""
    """Id of a parent of which two records with one id are made."""

    def compose(
        self, parents: Iterable[Record], context: ComposeContext
    ) -> Iterator[Record | Refusal]:
        """Yield a record for each answer of several words."""
        for parent in parents:
            if parent.id == self.killed_over and not (context.store / "killed").exists():
                (context.store / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if not isinstance(parent.answer, Text):
                continue
            words = parent.answer.text.split()
            if len(words) < 2:
                yield Refusal(RoboLoopError("E-REC-013", f"{words} is one word"), parent.id)
                continue
            for _ in range(1 + (parent.id == self.doubles)):
                yield self._counted(parent, words=words)

    def _counted(self, parent: Record, *, words: list[str]) -> Record:
        return Record(
            id=f"{parent.id}/{self.label}/words",
            task="number_vqa",
            inputs={"question": f"How many words has {' '.join(words)!r}?"},
            answer=Number(float(len(words))),
            source=parent.source,
            split=parent.split,
            meta={PARENTS_KEY: [parent.id], COMPOSER_KEY: self.label, EVIDENCE_KEY: words},
        )


if __name__ == "__main__":
    from roboloop.cli.main import run_command

    COMPOSERS.__dict__["rows"] = {"count_words": "count_words:CountWords"}
    sys.exit(run_command(sys.argv[1:]))
