"""Where derived files are kept."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from roboloop.base.cache_folder import cache_folder


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOLOOP_CACHE", "/somewhere/own")
    assert cache_folder() == Path("/somewhere/own")
    monkeypatch.delenv("ROBOLOOP_CACHE")
    if sys.platform.startswith("linux"):
        monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/xdg")
        assert cache_folder() == Path("/somewhere/xdg/roboloop")
