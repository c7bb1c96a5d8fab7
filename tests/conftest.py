"""Settings for every test process."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Tests run side by side, one process for each core: more threads than that only wait for each
# other, and a small model then takes a hundred times as long. Set before anything imports torch.
os.environ["OMP_NUM_THREADS"] = "1"

# How long an example takes says something about the machine, not about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
