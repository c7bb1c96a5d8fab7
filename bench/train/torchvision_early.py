"""Makes torchvision importable. Import this first: transformers looks for it once, at its import.

`--torchvision FOLDER` among the arguments names a folder filled by `pip install --no-deps --target
FOLDER torchvision`. A wheel built for another kind of machine than PyTorch's brings operators that
cannot be loaded and are not needed here; they are declared, so that it does not stumble over them.
"""

from __future__ import annotations

import importlib.util
import sys

import torch

_DECLARED = torch.library.Library("torchvision", "FRAGMENT")
OPTION = "--torchvision"


def is_there() -> bool:
    """Whether torchvision can be imported."""
    return importlib.util.find_spec("torchvision") is not None


if OPTION in sys.argv[:-1]:
    sys.path.append(sys.argv[sys.argv.index(OPTION) + 1])
    for operator in ("nms", "qnms"):
        _DECLARED.define(f"{operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
