"""Let PyPI's torchvision load beside a torch without CUDA.

The wheel's operators are built for CUDA and cannot be loaded then; importing it fails where it
declares what two of them give for tensors without content. Declaring the two itself is enough: all
that a picture processor needs is written in Python. A normal import is not touched.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from typing import Any

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
kept: list[Any] = []
"""A library's declarations live as long as it does."""


class DeclareOperators:
    """Declares the operators just before torchvision is imported for the first time."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Find nothing; only act."""
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            if torch.version.cuda is None:
                kept.append(torch.library.Library("torchvision", "DEF"))
                for schema in SCHEMAS:
                    kept[0].define(schema)
        return None


sys.meta_path.insert(0, DeclareOperators())
