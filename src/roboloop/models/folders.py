"""Model folders on disk: made whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers.utils import logging as transformers_logging

from roboloop.base.files import sync

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def folder_replaced(out: Path) -> Generator[Path]:
    """Yield a temporary folder that becomes `out` when the block ends well.

    A folder that is already there is set aside first and deleted last; who is killed between the
    two renames finds it beside `out` under a name that starts with a dot.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        yield temporary
        for path in temporary.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
            sync(path)
        temporary.chmod(0o755)
        if out.exists():
            aside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.old."))
            out.replace(aside)
            temporary.replace(out)
            shutil.rmtree(aside)
        else:
            temporary.replace(out)
        sync(out.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextmanager
def no_progress_bars() -> Generator[None]:
    """Hold back the bars that transformers draws while it loads and saves."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def save_weights(model: PreTrainedModel, *, folder: Path) -> None:
    """Write the weights and `config.json`, under the names that published folders use.

    Those differ from the names in memory (`visual.*` is `model.visual.*` there), so such a folder
    is read back with `from_pretrained` only: `load_state_dict` on its tensors would skip nearly
    all of them.
    """
    if not torch.cuda.is_available():
        # Saving makes accelerate import DeepSpeed, where that is installed, which would say aloud
        # that it found no GPU.
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    with no_progress_bars():
        model.save_pretrained(folder)
