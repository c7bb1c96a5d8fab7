"""Run by a Python that has the package `lerobot`: reads a data set with it and prints what it saw.

    pip install lerobot==0.4.4
    ROBOLOOP_LEROBOT_PYTHON=/path/to/that/python pytest tests/sources/robot_episodes

LeRobot decodes pictures with torchcodec or torchvision. Where neither matches the installed torch,
PyAV takes their place here; which file and which moment is asked for is LeRobot's own doing.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import sys
from types import ModuleType
from typing import Any, ClassVar

import av
import numpy as np
import torch

if importlib.util.find_spec("torchvision") is None:

    class Absent(ModuleType):
        __path__: ClassVar[list[str]] = []

        def __getattr__(self, name: str) -> Any:
            return type(name, (), {})

    for name in ("", ".transforms", ".transforms.v2", ".transforms.v2.functional"):
        module = Absent(f"torchvision{name}")
        module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, None)
        sys.modules[module.__name__] = module

import lerobot.datasets.lerobot_dataset as lerobot_dataset


def decode(path: Any, timestamps: list[float], tolerance_s: float, backend: Any) -> torch.Tensor:
    """Frames (N, 3, H, W) in 0 to 1, each shown within `tolerance_s` of the time asked for."""
    with av.open(str(path)) as container:
        frames = [(frame.time, frame) for frame in container.decode(video=0)]
    found = []
    for wanted in timestamps:
        time, frame = min(frames, key=lambda pair: abs(pair[0] - wanted))
        assert abs(time - wanted) <= max(tolerance_s, 1e-4), (time, wanted)
        found.append(torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1) / 255)
    return torch.stack(found)


lerobot_dataset.decode_video_frames = decode
data = lerobot_dataset.LeRobotDataset("local/set", root=sys.argv[1])
seen = []
for number in range(len(data)):
    item = data[number]
    greys = {
        key: float(255 * item[key][..., : item[key].shape[-1] // 2 - 4].mean())
        for key in data.meta.camera_keys
    }
    row = {
        key: np.asarray(value).tolist()
        for key, value in item.items()
        if key not in data.meta.camera_keys and not isinstance(value, str)
    }
    seen.append({"row": row, "task": item["task"], "greys": greys})
print(
    json.dumps(
        {"num_episodes": data.num_episodes, "frames": seen, "stats": sorted(data.meta.stats)}
    )
)
