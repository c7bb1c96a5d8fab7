"""Recordings in RH20T's layout.

    <out>/task_description.json, configs.json
    <out>/RH20T_cfg5/calib/<stamp>/intrinsics.npy, extrinsics.npy, tcp.npy
    <out>/RH20T_cfg5/task_0001_user_0001_scene_0001_cfg_0005/
        metadata.json
        cam_<serial>/color.mp4, timestamps.npy
        transformed/tcp.npy, tcp_base.npy, joint.npy, gripper.npy

The layout is that of rh20t/rh20t_api (scene.py, extract.py). Time stamps are milliseconds, poses
x, y, z in metres and a quaternion w, x, y, z; intrinsics are of pictures of 1280 x 720, whatever
the videos' size. Configuration 5 is RH20T's Franka arm.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roboloop.base.files import atomic_write_bytes, atomic_write_json, atomic_writer
from roboloop.sources.projection import rotation_of_vector
from roboloop.sources.simulated.camera import quaternion_of
from roboloop.sources.simulated.recording import FRAMES_PER_SECOND, WRIST, Recording
from roboloop.sources.simulated.truth import ViewTruth

CONFIGURATION = 5
SERIALS = {"exterior_1": "036422060215", "exterior_2": "037522062165", WRIST: "104422070042"}
FIRST_STAMP = 1_700_000_000_000
CALIBRATED_WIDTH_PX = 1280
OPEN_MM = 85.0
GOOD_RATING, FAILED_RATING = 9, 1


def write_rh20t(out: Path, *, recordings: Sequence[Recording]) -> int:
    """Write all recordings; gives their number. What is there is replaced."""
    tasks = sorted({recording.truth.instruction for recording in recordings})
    described: dict[str, Any] = {}
    for index, recording in enumerate(recordings):
        task = tasks.index(recording.truth.instruction) + 1
        described[f"task_{task:04d}"] = {
            "task_description_english": recording.truth.instruction,
            "task_description_chinese": recording.truth.instruction_zh,
        }
        _write_scene(out / f"RH20T_cfg{CONFIGURATION}", recording=recording, task=task, index=index)
    atomic_write_json(out / "task_description.json", value=dict(sorted(described.items())))
    configuration = {
        "conf_num": CONFIGURATION, "robot": "franka", "gripper": "Robotiq 2F-85",
        "in_hand": [SERIALS[WRIST]],
    }  # fmt: skip
    atomic_write_json(out / "configs.json", value=[configuration])
    return len(recordings)


def _write_scene(folder: Path, *, recording: Recording, task: int, index: int) -> None:
    name = f"task_{task:04d}_user_0001_scene_{index + 1:04d}_cfg_{CONFIGURATION:04d}"
    start = FIRST_STAMP + index * 1_000_000
    steps = np.arange(recording.truth.num_frames)
    stamps = [int(start + round(1000 * step / FRAMES_PER_SECOND)) for step in steps]
    _write_calibration(folder / "calib" / str(start), recording=recording)
    for view, serial in SERIALS.items():
        camera = folder / name / f"cam_{serial}"
        with (
            atomic_writer(camera / "color.mp4") as stream,
            recording.video(view).open("rb") as video,
        ):
            shutil.copyfileobj(video, stream)
        _save(camera / "timestamps.npy", value={"color": stamps, "depth": []})
    for kind, value in _states(recording, stamps=stamps).items():
        _save(folder / name / f"transformed/{kind}.npy", value=value)
    metadata = {
        "calib": start, "finish_time": stamps[-1],
        "rating": GOOD_RATING if recording.truth.success else FAILED_RATING,
    }  # fmt: skip
    atomic_write_json(folder / name / "metadata.json", value=metadata)


def _write_calibration(folder: Path, *, recording: Recording) -> None:
    """The marker that RH20T's cameras are calibrated to is the room's origin here."""
    intrinsics: dict[str, NDArray[np.float64]] = {}
    extrinsics: dict[str, NDArray[np.float64]] = {}
    for view in recording.truth.views:
        larger = np.diag([CALIBRATED_WIDTH_PX / view.width] * 2 + [1.0])
        matrix = larger @ view.intrinsic
        intrinsics[SERIALS[view.view]] = np.column_stack([matrix, np.zeros(3)])
        extrinsics[SERIALS[view.view]] = view.extrinsic[None]
    _save(folder / "intrinsics.npy", value=intrinsics)
    _save(folder / "extrinsics.npy", value=extrinsics)
    _save(folder / "tcp.npy", value=_pose(recording.arm.states[0], view=None))


def _states(recording: Recording, *, stamps: Sequence[int]) -> dict[str, Any]:
    """The arm at every frame, by camera: in the camera's frame, and in the base's."""
    arm = recording.arm
    in_cameras: dict[str, list[dict[str, Any]]] = {}
    for view in recording.truth.views:
        in_cameras[SERIALS[view.view]] = [
            _stamped(_pose(state, view=view), stamp)
            for state, stamp in zip(arm.states, stamps, strict=True)
        ]
    base = [
        _stamped(_pose(state, view=None), stamp)
        for state, stamp in zip(arm.states, stamps, strict=True)
    ]
    grippers: dict[int, dict[str, list[float]]] = {}
    for state, stamp in zip(arm.states, stamps, strict=True):
        width = OPEN_MM * (1.0 - float(state[6]))
        grippers[stamp] = {"gripper_command": [width, 0, 0], "gripper_info": [width, 0, 0]}
    return {
        "tcp": in_cameras,
        "tcp_base": dict.fromkeys(in_cameras, base),
        "joint": {serial: dict(zip(stamps, arm.joints, strict=True)) for serial in in_cameras},
        "gripper": dict.fromkeys(in_cameras, grippers),
    }


def _stamped(pose: NDArray[np.float64], stamp: int) -> dict[str, Any]:
    return {"timestamp": stamp, "tcp": pose, "robot_ft": np.zeros(6)}


def _pose(state: NDArray[np.float64], *, view: ViewTruth | None) -> NDArray[np.float64]:
    """Place and quaternion of the tool (7,) in a camera's frame, or in the base's."""
    place, rotation = state[:3], rotation_of_vector(state[3:6])
    if view is not None:
        place = view.extrinsic[:3, :3] @ place + view.extrinsic[:3, 3]
        rotation = view.extrinsic[:3, :3] @ rotation
    return np.array([*place, *quaternion_of(rotation)])


def _save(file: Path, *, value: Any) -> None:
    stream = io.BytesIO()
    np.save(stream, value, allow_pickle=True)
    atomic_write_bytes(file, data=stream.getvalue())
