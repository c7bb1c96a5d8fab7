"""How many workers to use when nobody said."""

from __future__ import annotations

import os

MAX_DEFAULT_WORKERS = 8


def default_workers() -> int:
    """One a core that this process may use, up to eight."""
    return min(MAX_DEFAULT_WORKERS, num_cores())


def num_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1
