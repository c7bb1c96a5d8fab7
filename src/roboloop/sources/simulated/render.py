"""MuJoCo and OpenGL, imported late: the rest of the package works without either."""

from __future__ import annotations

import ctypes.util
import os
import sys
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roboloop.base.closing import Closing
from roboloop.base.errors import MissingDependencyError, RoboLoopError


class Picture(NamedTuple):
    """What one camera sees.

    Attributes:
        rgb: (H, W, 3) uint8.
        geom_ids: (H, W) int32, the id of the geom seen at each pixel, -1 for none.
        depth: (H, W) float32 metres along the optical axis, or None when not asked for.
    """

    rgb: NDArray[np.uint8]
    geom_ids: NDArray[np.int32]
    depth: NDArray[np.float32] | None


def choose_gl_backend() -> str:
    """Pick a way to draw without a screen and set MUJOCO_GL; a value already set is kept.

    Raises:
        RoboLoopError: E-SIM-001 when neither EGL nor OSMesa is installed.
    """
    chosen = os.environ.get("MUJOCO_GL", "").lower()
    if not chosen and sys.platform.startswith("linux"):
        libraries = {"egl": "EGL", "osmesa": "OSMesa"}
        found = [name for name, lib in libraries.items() if ctypes.util.find_library(lib)]
        if not found:
            raise RoboLoopError("E-SIM-001", "neither libEGL nor libOSMesa is installed")
        chosen = found[0]
        os.environ["MUJOCO_GL"] = chosen
    # Mesa's software renderer starts a thread per core for a 320 x 180 picture; workers do better.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    return chosen


def load_mujoco() -> Any:
    """The mujoco module, with an OpenGL backend chosen before it is imported.

    Raises:
        MissingDependencyError: when mujoco is not installed.
        RoboLoopError: E-SIM-001 when no OpenGL is available.
    """
    is_early = "mujoco" in sys.modules and not os.environ.get("MUJOCO_GL")
    if is_early and sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        raise RoboLoopError(
            "E-SIM-001",
            "mujoco was imported before a way to draw without a screen was chosen",
            fix="Set MUJOCO_GL=egl, or osmesa, before starting Python.",
        )
    choose_gl_backend()
    try:
        import mujoco
    except ImportError as error:
        raise MissingDependencyError("mujoco", purpose="Simulation", extra="sim") from error
    return mujoco


class Painter(Closing):
    """Draws a model from its named cameras. Use as a context manager, one per model.

    Raises:
        RoboLoopError: E-SIM-001 when the OpenGL driver gives no context.
    """

    def __init__(self, model: Any, *, width: int, height: int) -> None:
        mujoco = load_mujoco()
        try:
            self._renderer: Any = mujoco.Renderer(model, height=height, width=width)
        except Exception as error:
            backend = os.environ.get("MUJOCO_GL", "")
            raise RoboLoopError(
                "E-SIM-001", f"the OpenGL backend {backend!r} gives no context ({error})"
            ) from error
        self._options: Any = mujoco.MjvOption()
        self._options.sitegroup[:] = 0
        self._geom_type = int(mujoco.mjtObj.mjOBJ_GEOM)
        flags: Any = mujoco.mjtRndFlag
        self._renderer.scene.flags[flags.mjRND_REFLECTION] = 0

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()

    def paint(self, data: Any, *, camera: str, with_depth: bool = False) -> Picture:
        """Draw the state in `data` from the camera of that name."""
        renderer = self._renderer
        self._update(data, camera=camera)
        rgb = renderer.render().copy()
        geom_ids = self._labels()
        depth: NDArray[np.float32] | None = None
        if with_depth:
            renderer.enable_depth_rendering()
            depth = np.asarray(renderer.render(), dtype=np.float32).copy()
            renderer.disable_depth_rendering()
        return Picture(rgb, geom_ids, depth)

    def paint_colours(self, data: Any, *, camera: str) -> NDArray[np.uint8]:
        """Only the picture, (H, W, 3) uint8."""
        self._update(data, camera=camera)
        return np.asarray(self._renderer.render()).copy()

    def paint_labels(self, data: Any, *, camera: str) -> NDArray[np.int32]:
        """Only the id of the geom seen at each pixel, (H, W) int32, -1 for none."""
        self._update(data, camera=camera)
        return self._labels()

    def _update(self, data: Any, *, camera: str) -> None:
        self._renderer.update_scene(data, camera=camera, scene_option=self._options)

    def _labels(self) -> NDArray[np.int32]:
        renderer = self._renderer
        renderer.enable_segmentation_rendering()
        labels = renderer.render()
        renderer.disable_segmentation_rendering()
        is_geom = labels[..., 1] == self._geom_type
        return np.where(is_geom, labels[..., 0], -1).astype(np.int32)
