"""Let PyPI's torchvision load beside a torch without CUDA.

The wheel's operators are built for CUDA and cannot be loaded then. Importing it fails where it
declares what two of them give for tensors without content; declaring the two itself is enough,
since all that a picture processor needs is written in Python. Decoding pictures is not, so Pillow
does it. A torch with CUDA is not touched.
"""

from __future__ import annotations

import io
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
kept: list[Any] = []
"""A library's declarations live as long as it does."""


class WithoutCuda:
    """Steps in where torchvision, and then its decoder, are imported for the first time."""

    def find_spec(self, name: str, path: Any = None, target: object = None) -> ModuleSpec | None:
        """Find nothing new; only act."""
        if name == "torchvision":
            _declare_operators()
        if name != "torchvision.io.image" or not kept:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        loader: Any = spec.loader
        run = loader.exec_module

        def run_and_replace(module: Any) -> None:
            run(module)
            module.decode_image = decode_with_pillow

        loader.exec_module = run_and_replace
        return spec


def _declare_operators() -> None:
    import torch

    if torch.version.cuda is None and not kept:
        kept.append(torch.library.Library("torchvision", "DEF"))
        for schema in SCHEMAS:
            kept[0].define(schema)


def decode_with_pillow(data: Any, *args: Any, **kwargs: Any) -> Any:
    """Encoded bytes as a uint8 tensor, or a path, to uint8 [3, height, width], upright."""
    import numpy as np
    import torch
    from PIL import Image, ImageOps

    del args, kwargs
    source = io.BytesIO(data.numpy().tobytes()) if isinstance(data, torch.Tensor) else data
    picture = ImageOps.exif_transpose(Image.open(source)).convert("RGB")
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


sys.meta_path.insert(0, WithoutCuda())
