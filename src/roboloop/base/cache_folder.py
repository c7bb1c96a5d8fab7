"""Where what can be made again is kept for the runs to come."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Of downloaded and derived files: ROBOLOOP_CACHE, else the user's cache folder."""
    own = os.environ.get("ROBOLOOP_CACHE")
    if own:
        return Path(own)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "roboloop"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "roboloop"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "roboloop"
