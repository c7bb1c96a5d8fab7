"""`export`: a trained model as a folder for transformers and vLLM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from roboloop.base.progress import console


def export(
    run: Path,
    /,
    *,
    out: Path,
    to: Literal["hf"] = "hf",
    phase: str | None = None,
    merge: Annotated[bool, Parameter(negative="--adapter")] = True,
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16",
) -> int:
    """Write what a run trained as a folder that loads in transformers and in vLLM.

    The weights have their published names, which is checked; the picture processor gets the sizes
    that the run's dialect showed the model in training.

    Args:
        run: A run folder; or a model folder, or an adapter's.
        out: The folder to make.
        to: The form: a folder as on the Hugging Face Hub.
        phase: Name of a training phase; the one finished last when left out.
        merge: Add an adapter to the weights; with --adapter, write the adapter alone.
        dtype: Number format of the weights.
    """
    from roboloop.pipeline.export import export_run

    del to
    done = export_run(run, out=out, phase=phase, adapter=not merge, dtype=dtype)
    what = "adapter" if not merge else "model with its adapter merged" if done.merged else "model"
    said = console()
    said.print(f"{what}: {done.num_tensors:,} tensors", soft_wrap=True)
    if merge:
        said.print(f"serve it with: vllm serve {done.folder}", soft_wrap=True)
    print(done.folder)  # noqa: T201 - the one line of data: where the result lies
    return 0
