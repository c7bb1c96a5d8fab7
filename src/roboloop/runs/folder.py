"""A run folder and its stages.

    runs/demo-cpu/
        recipe.lock.yaml      what ran: every default filled in
        environment.json      versions, machine
        events.jsonl          what happened, one line each
        logs/
            rank-0.log        what each process of a training said
        stages/
            data-3f2a91c0/    one folder per stage and content key
                stage.json    the completion mark: key, inputs, output hash, seconds
                ...           what the stage made

A stage folder is named by the hash of everything its result depends on. The same recipe finds its
finished stages again; a changed recipe gets new folders for what changed and everything after it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roboloop.base.errors import RoboLoopError
from roboloop.base.files import atomic_write_json, atomic_write_text
from roboloop.base.hashing import hash_value

MARK = "stage.json"
SHORT_KEY = 10


class StageFolder:
    """The folder of one stage for one content key.

    Attributes:
        name: Such as `data` or `train.ground`.
        key: Hash of the stage's configuration and of its inputs' contents.
        path: Where its files go.
    """

    def __init__(self, root: Path, *, name: str, settings: Any, inputs: Mapping[str, str]) -> None:
        self.name = name
        self.settings = settings
        self.inputs = dict(inputs)
        self.key = hash_value({"stage": name, "settings": settings, "inputs": self.inputs})
        self.path = root / f"{name}-{self.key[:SHORT_KEY]}"

    @property
    def mark(self) -> dict[str, Any] | None:
        """The completion mark, None while the stage is not finished."""
        path = self.path / MARK
        if not path.exists():
            return None
        mark: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return mark if mark.get("key") == self.key else None

    @property
    def output_hash(self) -> str:
        """Content hash of what the finished stage made."""
        mark = self.mark
        assert mark is not None, f"stage {self.name} is not finished"
        return mark["output_hash"]

    def finish(self, *, output_hash: str, seconds: float, facts: Mapping[str, Any]) -> None:
        """Write the completion mark: from now on the stage is not run again."""
        atomic_write_json(
            self.path / MARK,
            value={
                "stage": self.name,
                "key": self.key,
                "settings": self.settings,
                "inputs": self.inputs,
                "output_hash": output_hash,
                "seconds": round(seconds, 3),
                "facts": dict(facts),
            },
        )


class RunFolder:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stages = path / "stages"
        self.logs = path / "logs"

    @property
    def lock_path(self) -> Path:
        """The resolved recipe that the run follows."""
        return self.path / "recipe.lock.yaml"

    def stage(self, name: str, *, settings: Any, inputs: Mapping[str, str]) -> StageFolder:
        """The folder of a stage with these settings and inputs (name -> content hash)."""
        return StageFolder(self.stages, name=name, settings=settings, inputs=inputs)

    def previous_settings(self, name: str, *, but_not: str) -> Any | None:
        """Settings of the newest finished stage of this name with another key, to tell changes."""
        marks = sorted(
            self.stages.glob(f"{name}-*/{MARK}"), key=lambda mark: mark.stat().st_mtime_ns
        )
        for path in reversed(marks):
            mark = json.loads(path.read_text(encoding="utf-8"))
            if mark["key"] != but_not and mark["stage"] == name:
                return mark["settings"]
        return None

    def write_lock(self, text: str, *, environment: Mapping[str, Any]) -> None:
        """Store the resolved recipe and the environment, when they changed."""
        if not self.lock_path.exists() or self.lock_path.read_text(encoding="utf-8") != text:
            atomic_write_text(self.lock_path, text=text)
        atomic_write_json(self.path / "environment.json", value=dict(environment))

    def environment(self) -> dict[str, Any]:
        """What `write_lock` stored about the machine."""
        return json.loads((self.path / "environment.json").read_text(encoding="utf-8"))

    def show(self, folder: Path, *, name: str) -> Path:
        """Make `folder` reachable as `<run>/<name>`; the link moves when a stage is redone."""
        link = self.path / name
        fresh = self.path / f".{name}.tmp"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.path.relpath(folder, self.path), target_is_directory=True)
        fresh.replace(link)
        return link

    def event(self, kind: str, **facts: Any) -> None:
        """Append a line to events.jsonl."""
        self.path.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"time": round(time.time(), 3), "event": kind, **facts})
        with self.events_path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    @property
    def events_path(self) -> Path:
        """What happened, one line each."""
        return self.path / "events.jsonl"

    @contextmanager
    def exclusive(self) -> Generator[None]:
        """Hold the run folder for this process alone; released by the system if it is killed.

        Raises:
            RoboLoopError: E-RUN-002 when another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".busy").open("a+") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stream.seek(0)
                owner = stream.read().strip() or "unknown"
                raise RoboLoopError(
                    "E-RUN-002", f"process {owner} is working in {str(self.path)!r}"
                ) from None
            stream.truncate(0)
            stream.write(str(os.getpid()))
            stream.flush()
            yield


def open_run(path: Path) -> RunFolder:
    """An existing run folder.

    Raises:
        RoboLoopError: E-RUN-004 when the folder has no lock file.
    """
    run = RunFolder(path)
    if not run.lock_path.exists():
        raise RoboLoopError("E-RUN-004", f"{str(path)!r} has no recipe.lock.yaml")
    return run


def newest_run(root: Path) -> Path:
    """The run folder below `root` in which something happened last.

    Raises:
        RoboLoopError: E-RUN-004 when there is none.
    """
    found = sorted(root.glob("*/events.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    if not found:
        raise RoboLoopError("E-RUN-004", f"there is no run below {str(root)!r}", fix="Give --run.")
    return found[-1].parent
