"""Settings for every test process."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# Tests run side by side, one process for each core: more threads than that only wait for each
# other, and a small model then takes a hundred times as long. Set before anything imports torch.
os.environ["OMP_NUM_THREADS"] = "1"

# How long an example takes says something about the machine, not about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

LONG_FILES = (
    "test_simulation.py", "test_sharding.py", "test_processes.py", "test_preference_runs.py",
    "test_several_processes.py", "test_whole_run.py", "test_real_servers.py",
    "test_other_families.py", "test_training_runs.py", "test_killed_curation.py",
)  # fmt: skip
"""They start first: a long file that comes last is waited for by all other workers."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of long files in front; the order within each file stays."""
    items.sort(key=lambda item: item.path.name not in LONG_FILES)
