"""Recordings in RoboInter's layout of raw episodes and annotations.

    <out>/<episode>/lmdb/            primary_image/0007, wrist_image/0007, state/0007, action/0007
    <out>/<episode>/meta_info.pkl    keys by kind, number of steps, instruction, all states
    <out>/annotation_lmdb/           episode -> pickled {frame: annotation}
    <out>/qsheet.json                episode -> which annotations are exact
    <out>/range_nop.json             episode -> first frame, last frame, number of frames

Every exterior view is an episode of its own, `<id>_<view>`. Pictures are ordinary JPEG files, so
they decode to true colours; RoboInter's own DROID episodes hold swapped channels.
"""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from roboloop.base.errors import MissingDependencyError
from roboloop.base.files import atomic_write_bytes, atomic_write_json
from roboloop.records.plain_pickles import unpickled
from roboloop.sources.simulated.annotation import ANNOTATION_KEYS, annotate
from roboloop.sources.simulated.recording import WRIST, Recording

PICKLE_PROTOCOL = 4
QUALITY_FIELDS = tuple(
    key for key in ANNOTATION_KEYS if key not in ("segmentation", "origin_shape")
)


def write_robointer(out: Path, *, recordings: Iterable[Recording]) -> int:
    """Write all recordings; gives the number of RoboInter episodes (views).

    Raises:
        MissingDependencyError: when lmdb is not installed.
    """
    notes: list[tuple[str, bytes]] = []
    sheet: dict[str, Any] = {}
    ranges: dict[str, list[int]] = {}
    for recording in recordings:
        for view in recording.views:
            if view == WRIST:
                continue
            name = f"{recording.id}_{view}"
            if not (out / name / "meta_info.pkl").is_file():
                _write_episode(out / name, recording=recording, view=view)
            truth = recording.truth
            annotations = annotate(
                recording.frames(view), episode=truth, states=recording.arm.states
            )
            notes.append((name, pickle.dumps(annotations, PICKLE_PROTOCOL)))
            last = truth.num_frames - 1
            ranges[name] = [0, last, truth.num_frames]
            sheet[name] = {
                "ori_path": recording.id, "view": view, "range_nop": ranges[name],
                "instruction_ori": False,
                **{f"Q_{field}": "Primary" for field in QUALITY_FIELDS},
            }  # fmt: skip
    _write_store(out / "annotation_lmdb", items=iter(notes))
    atomic_write_json(out / "qsheet.json", value=sheet)
    atomic_write_json(out / "range_nop.json", value=ranges)
    return len(notes)


def read_annotations(store: Path, *, episode: str) -> dict[int, dict[str, Any]]:
    """The annotations of one episode out of a store in RoboInter's layout."""
    with _open(store, map_bytes=None) as environment, environment.begin() as transaction:
        value = transaction.get(episode.encode())
    return unpickled(value)


def _write_episode(folder: Path, *, recording: Recording, view: str) -> None:
    """One view of one recording as an episode; `meta_info.pkl` is written last."""
    pictures, wrist = recording.jpegs(view), recording.jpegs(WRIST)
    arm, truth = recording.arm, recording.truth
    columns: dict[str, list[Any]] = {
        "primary_image": [np.frombuffer(data, dtype=np.uint8) for data in pictures],
        "wrist_image": [np.frombuffer(data, dtype=np.uint8) for data in wrist],
        "state": list(arm.states),
        "action": list(arm.actions),
        "other_info": [{"joint_position": joints} for joints in arm.joints],
    }
    keys = {
        kind: [f"{kind}/{step:04d}" for step in range(len(values))]
        for kind, values in columns.items()
    }
    items = (
        (key, pickle.dumps(value, PICKLE_PROTOCOL))
        for kind, values in columns.items()
        for key, value in zip(keys[kind], values, strict=True)
    )
    _write_store(folder / "lmdb", items=items)
    meta = {
        "keys": keys,
        "num_steps": truth.num_frames,
        "episode_name": folder.name,
        "camera_view": view,
        "language_instruction": truth.instruction,
        "state_all": arm.states,
    }
    atomic_write_bytes(folder / "meta_info.pkl", data=pickle.dumps(meta, PICKLE_PROTOCOL))


def _write_store(folder: Path, *, items: Iterator[tuple[str, bytes]]) -> None:
    """A whole LMDB store, written beside and renamed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".tmp"))
    work.chmod(0o755)  # mkdtemp makes folders for the owner alone
    try:
        whole = list(items)
        num_bytes = sum(len(key) + len(value) + 8192 for key, value in whole) * 2 + (1 << 20)
        with _open(work, map_bytes=num_bytes) as environment:
            with environment.begin(write=True) as transaction:
                for key, value in whole:
                    transaction.put(key.encode(), value)
            environment.sync()
        (work / "lock.mdb").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _open(folder: Path, *, map_bytes: int | None) -> Any:
    try:
        import lmdb
    except ImportError as error:
        raise MissingDependencyError("lmdb", purpose="RoboInter's layout", extra="sim") from error
    library: Any = lmdb
    if map_bytes is None:
        return library.open(str(folder), readonly=True, lock=False, readahead=False)
    return library.open(str(folder), map_size=map_bytes)
