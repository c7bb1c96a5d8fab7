"""Settings for every test process."""

from __future__ import annotations

import os

# Tests run side by side, one process for each core: more threads than that only wait for each
# other, and a small model then takes a hundred times as long. Set before anything imports torch.
os.environ["OMP_NUM_THREADS"] = "1"
