"""The robot's model: found in the installed gym-hil package, made lighter, kept in a cache.

gym-hil 0.1.14 (Apache-2.0) carries a Franka Panda with a Robotiq 2F-85 gripper. Only its data
files are read; the package itself is never imported, so its own dependencies are not needed.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from roboloop.base.cache_folder import cache_folder
from roboloop.base.errors import MissingDependencyError, Place, RoboLoopError
from roboloop.base.hashing import hash_bytes

PACKAGE = "gym_hil"
MODEL_FILE = "panda.xml"
MESH_FOLDERS = ("franka_emika_panda/meshes", "robotiq_2f85/meshes")
RECIPE = "merge;faces<=0.18,min=150;v1"
"""What is done to the meshes; part of the cache key, so a change makes a new folder."""
KEPT_FRACTION = 0.18
MIN_FACES = 150


def installed_assets() -> Path:
    """The asset folder of the installed gym-hil package.

    Raises:
        RoboLoopError: E-SIM-002 when it is not installed or lacks the robot.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RoboLoopError("E-SIM-002", "the package gym-hil is not installed")
    folder = Path(next(iter(spec.submodule_search_locations))) / "assets"
    if not (folder / MODEL_FILE).is_file():
        raise RoboLoopError("E-SIM-002", f"no {MODEL_FILE} there", place=Place(folder))
    return folder


def robot_model() -> Path:
    """Path of the lightened robot model; made on first use, which takes some seconds.

    Raises:
        RoboLoopError: E-SIM-002 when gym-hil is not installed.
        MissingDependencyError: when trimesh or fast-simplification is not installed.
    """
    source = installed_assets()
    key = hash_bytes((source / MODEL_FILE).read_bytes() + RECIPE.encode())[:12]
    target = cache_folder() / "simulated" / f"panda-{key}"
    if not (target / MODEL_FILE).is_file():
        _build(source, target=target)
    return target / MODEL_FILE


def _build(source: Path, *, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp"))
    work.chmod(0o755)  # mkdtemp makes folders for the owner alone
    try:
        for folder in MESH_FOLDERS:
            (work / folder).mkdir(parents=True)
            for mesh in sorted((source / folder).iterdir()):
                lighten_mesh(mesh, target=work / folder / mesh.name)
        shutil.copyfile(source / MODEL_FILE, work / MODEL_FILE)
        try:
            work.rename(target)
        except OSError:
            # Another process was first; its folder holds the same bytes.
            if not (target / MODEL_FILE).is_file():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def lighten_mesh(source: Path, *, target: Path) -> int:
    """Write `source` with fewer faces to `target`, in the format of its suffix; gives their number.

    Vertices are merged whatever their normals first: left apart, the edges between patches open
    up when faces are removed and the arm is seen through.
    """
    try:
        import fast_simplification
        import trimesh
    except ImportError as error:
        raise MissingDependencyError(
            error.name or "trimesh", purpose="Preparing the robot's meshes", extra="sim"
        ) from error
    library: Any = trimesh
    simplifier: Any = fast_simplification
    mesh = library.load(source, force="mesh", process=False)
    mesh.merge_vertices(merge_norm=True, merge_tex=True)
    num_faces = len(mesh.faces)
    wanted = max(MIN_FACES, round(KEPT_FRACTION * num_faces))
    points = np.asarray(mesh.vertices, dtype=np.float32)
    faces = np.asarray(mesh.faces, dtype=np.int32)
    if num_faces > wanted and num_faces > 2 * MIN_FACES:
        points, faces = simplifier.simplify(points, faces, target_count=wanted)
    light = library.Trimesh(vertices=points, faces=faces, process=False)
    light.export(target, include_normals=False) if target.suffix == ".obj" else light.export(target)
    return len(faces)
