"""Answers that were paid for, kept on disk, and what they cost."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import NamedTuple

from roboloop.base.closing import Closing

_TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, status TEXT NOT NULL, error TEXT NOT NULL,
    num_attempts INTEGER NOT NULL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS spent (
    budget TEXT PRIMARY KEY, cost REAL NOT NULL, num_requests INTEGER NOT NULL
);
"""


class Kept(NamedTuple):
    """An answer as it is kept.

    Attributes:
        text: The model's last text.
        status: `ok` or `invalid`.
        error: What is wrong with an invalid one.
        num_attempts: How many times the model was asked, repairs included.
        tokens_in, tokens_out: Of all of them.
    """

    text: str
    status: str
    error: str
    num_attempts: int
    tokens_in: int
    tokens_out: int


class Spent(NamedTuple):
    """What a budget has paid for so far."""

    cost: float
    num_requests: int


class AnswerStore(Closing):
    """Answers by key, in a SQLite file that any number of threads and processes may share."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._file = sqlite3.connect(path, timeout=60, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.executescript(_TABLES)

    def get(self, key: str) -> Kept | None:
        """The answer of this key, if there is one."""
        with self._lock:
            row = self._file.execute(
                "SELECT text, status, error, num_attempts, tokens_in, tokens_out FROM answers "
                "WHERE key = ?", (key,),
            ).fetchone()  # fmt: skip
        return None if row is None else Kept(*row)

    def put(self, key: str, *, kept: Kept) -> None:
        """Keep an answer."""
        with self._lock, self._file:
            self._file.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", (key, *kept)
            )

    def spent(self, budget: str) -> Spent:
        """What a budget has paid for so far."""
        with self._lock:
            row = self._file.execute(
                "SELECT cost, num_requests FROM spent WHERE budget = ?", (budget,)
            ).fetchone()
        return Spent(0.0, 0) if row is None else Spent(*row)

    def pay(self, budget: str, *, cost: float) -> None:
        """Add one request to what a budget has paid for."""
        with self._lock, self._file:
            self._file.execute(
                "INSERT INTO spent VALUES (?, ?, 1) ON CONFLICT (budget) DO UPDATE SET "
                "cost = cost + excluded.cost, num_requests = num_requests + 1", (budget, cost),
            )  # fmt: skip

    def close(self) -> None:
        """Close the file."""
        self._file.close()
