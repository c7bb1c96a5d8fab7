"""Recordings in DROID's raw layout.

    <out>/SIM/<success|failure>/2026-01-01/<episode>/
        metadata_<uuid>.json            who, where, what; serials and poses of the cameras
        trajectory.h5                   states, actions, the cameras' matrices, one row per frame
        recordings/MP4/<serial>.mp4

The layout is that of droid-dataset/droid (postprocessing/schema.py, trajectory_writer.py). Poses
are x, y, z in metres and Euler angles about fixed axes x, y, z; the room is the robot's base.
Serials grow from the wrist over exterior 1 to exterior 2, as DROID's views are told apart.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roboloop.base.errors import MissingDependencyError
from roboloop.base.files import atomic_write_bytes, atomic_write_json, atomic_writer
from roboloop.sources.projection import euler_of_rotation, rotation_of_vector
from roboloop.sources.simulated.recording import WRIST, Recording
from roboloop.sources.simulated.truth import ViewTruth

LAB = "SIM"
DATE = "2026-01-01"
SERIALS = {WRIST: "10000001", "exterior_1": "20000001", "exterior_2": "30000001"}


def write_droid(out: Path, *, recordings: Iterable[Recording]) -> int:
    """Write all recordings; gives their number. What is there is replaced.

    Raises:
        MissingDependencyError: when h5py is not installed.
    """
    num_written = 0
    for recording in recordings:
        outcome = "success" if recording.truth.success else "failure"
        folder = out / LAB / outcome / DATE / recording.id
        for view, serial in SERIALS.items():
            if view in recording.views:
                target = folder / f"recordings/MP4/{serial}.mp4"
                with atomic_writer(target) as stream, recording.video(view).open("rb") as video:
                    shutil.copyfileobj(video, stream)
        atomic_write_bytes(folder / "trajectory.h5", data=_trajectory(recording))
        uuid = f"{LAB}+{recording.id}+{DATE}"
        metadata = _metadata(recording, uuid=uuid)
        atomic_write_json(folder / f"metadata_{uuid}.json", value=metadata)
        num_written += 1
    return num_written


def _metadata(recording: Recording, *, uuid: str) -> dict[str, Any]:
    truth = recording.truth
    extrinsics = {view.view: _pose(view).tolist() for view in truth.views}
    return {
        "uuid": uuid, "lab": LAB, "user": "nobody", "user_id": "0", "date": DATE,
        "timestamp": f"{DATE}-00h-00m-00s", "building": "simulation", "scene_id": truth.seed,
        "success": truth.success, "robot_serial": "panda-simulated", "droid_version": "1.0",
        "current_task": truth.instruction, "trajectory_length": truth.num_frames,
        "wrist_cam_serial": SERIALS[WRIST],
        "ext1_cam_serial": SERIALS["exterior_1"], "ext2_cam_serial": SERIALS["exterior_2"],
        "wrist_cam_extrinsics": None,
        "ext1_cam_extrinsics": extrinsics.get("exterior_1"),
        "ext2_cam_extrinsics": extrinsics.get("exterior_2"),
    }  # fmt: skip


def _pose(view: ViewTruth) -> NDArray[np.float64]:
    """Where the camera stands in the room: the inverse of the view's extrinsic."""
    rotation, shift = view.extrinsic[:3, :3], view.extrinsic[:3, 3]
    return np.concatenate([-rotation.T @ shift, euler_of_rotation(rotation.T)])


def _trajectory(recording: Recording) -> bytes:
    """An HDF5 file with as many rows as there are frames."""
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError("h5py", purpose="DROID's layout", extra="media") from error
    library: Any = h5py
    arm, num = recording.arm, recording.truth.num_frames
    angles = np.array([euler_of_rotation(rotation_of_vector(state[3:6])) for state in arm.states])
    poses = np.concatenate([arm.states[:, :3], angles], axis=1)
    stream = io.BytesIO()
    with library.File(stream, "w") as store:
        store.attrs["success"], store.attrs["current_task"] = (
            recording.truth.success, recording.truth.instruction,
        )  # fmt: skip
        store["observation/robot_state/cartesian_position"] = poses
        store["observation/robot_state/joint_positions"] = arm.joints
        store["observation/robot_state/gripper_position"] = arm.states[:, 6]
        store["action/cartesian_position"] = poses + arm.actions[:, :6]
        store["action/joint_position"] = arm.joints
        store["action/gripper_position"] = arm.actions[:, 6]
        for view, serial in SERIALS.items():
            kind = 0 if view == WRIST else 1
            store[f"observation/camera_type/{serial}"] = np.full(num, kind, dtype=np.int64)
        for view in recording.truth.views:
            name = f"{SERIALS[view.view]}_left"
            store[f"observation/camera_extrinsics/{name}"] = np.tile(_pose(view), (num, 1))
            store[f"observation/camera_intrinsics/{name}"] = np.tile(view.intrinsic, (num, 1, 1))
    return stream.getvalue()
