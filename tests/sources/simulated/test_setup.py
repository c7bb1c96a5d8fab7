"""What is missing is named with the command that installs it; caches are whole or absent."""

from __future__ import annotations

import ctypes.util
import importlib.util
import sys
from pathlib import Path

import pytest

from roboloop.base.errors import MissingDependencyError, RoboLoopError
from roboloop.sources.simulated import assets
from roboloop.sources.simulated.generate import simulate
from roboloop.sources.simulated.render import choose_gl_backend, load_mujoco

linux_only = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere MuJoCo finds its own OpenGL"
)


def test_without_the_robots_files_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RoboLoopError, match=r"pip install --no-deps gym-hil==0\.1\.14"):
        assets.robot_model()


def test_without_mujoco_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "egl")
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'roboloop\[sim\]'"):
        load_mujoco()


@linux_only
def test_without_opengl_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(RoboLoopError, match=r"E-SIM-001 .*apt-get install libegl1"):
        choose_gl_backend()


@linux_only
def test_mujoco_imported_too_early_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setitem(sys.modules, "mujoco", sys)
    with pytest.raises(RoboLoopError, match=r"imported before .* Set MUJOCO_GL=egl"):
        load_mujoco()


@linux_only
def test_egl_comes_before_osmesa_and_a_set_value_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "")
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: f"lib{name}.so")
    assert choose_gl_backend() == "egl"
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    assert choose_gl_backend() == "osmesa"


def test_a_mesh_loses_faces_but_not_its_size(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh", reason="trimesh is not installed")
    pytest.importorskip("fast_simplification", reason="fast-simplification is not installed")
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.1)
    for suffix in ("obj", "stl"):
        ball.export(tmp_path / f"ball.{suffix}")
        num_faces = assets.lighten_mesh(
            tmp_path / f"ball.{suffix}", target=tmp_path / f"light.{suffix}"
        )
        light = trimesh.load(tmp_path / f"light.{suffix}", force="mesh")
        assert len(light.faces) == num_faces <= 0.2 * len(ball.faces)
        assert light.extents == pytest.approx(ball.extents, rel=0.03)


def test_the_robots_model_is_made_once_and_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "installed"
    for folder in assets.MESH_FOLDERS:
        (source / folder).mkdir(parents=True)
    (source / assets.MODEL_FILE).write_text("<mujoco/>")
    monkeypatch.setattr(assets, "installed_assets", lambda: source)
    monkeypatch.setenv("ROBOLOOP_CACHE", str(tmp_path / "cache"))
    first = assets.robot_model()
    assert first.read_text() == "<mujoco/>" and first.is_relative_to(tmp_path / "cache")
    monkeypatch.setattr(assets, "lighten_mesh", lambda *a, **k: pytest.fail("made again"))
    assert assets.robot_model() == first
    assert not list((tmp_path / "cache").rglob("*.tmp"))


def test_wrong_formats_and_counts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError, match=r"E-CFG-003 .*'zarr'.*records, lerobot, robointer"):
        simulate(tmp_path, num_episodes=1, formats=("records", "zarr"))
    with pytest.raises(RoboLoopError, match="at least one"):
        simulate(tmp_path, num_episodes=0)
