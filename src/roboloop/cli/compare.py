"""`compare`: evaluated models side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from roboloop.base.progress import console

Format = Literal["text", "markdown", "latex", "csv", "json"]


def compare(
    *models: str,
    baseline: str = "",
    format: Format = "text",
    out: Path | None = None,
    confidence: float = 0.95,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> int:
    """Hold evaluated models against one of them, on the records they share.

    Every difference is paired, with an interval and a test; over the tasks of a model the p-values
    are raised by Holm's rule. What cannot be told from chance is said to be so. Flags name what a
    careful reader would look at: collapses that look like a broken coordinate convention, values
    far above anything published, intervals too wide to tell, failed requests.

        roboloop compare runs/base runs/sft runs/dpo --baseline base
        roboloop compare untrained=runs/sft:untrained sft=runs/sft
        roboloop compare robobrain_final        # a published table that comes with the library

    Args:
        models: Run or evaluation folders, each PATH, PATH:MODEL or LABEL=PATH:MODEL; or one
            published table, by name or as a JSON file.
        baseline: Label of the model that the others are held against; the first when left out.
        format: How the table is printed.
        out: A folder for the comparison in every format, with a page (`index.html`) that shows the
            records behind the numbers.
        confidence: Share of such intervals that hold the true value.
        num_bootstrap: How often episodes are drawn again for an interval.
        seed: Seed of the draws.
    """
    from roboloop.base.errors import RoboLoopError
    from roboloop.evaluate.benchmarks.published import published_lines
    from roboloop.evaluate.compare.comparison import CompareOptions
    from roboloop.evaluate.compare.comparison import compare as compare_models
    from roboloop.evaluate.compare.flags import find_flags
    from roboloop.evaluate.compare.loaded import load_evaluated
    from roboloop.evaluate.compare.recorded import (
        load_table,
        recorded_comparison,
        shipped_tables,
    )
    from roboloop.evaluate.compare.written import write_comparison

    if not models:
        tables = ", ".join(shipped_tables())
        raise RoboLoopError("E-EVA-003", f"no model is named; published tables: {tables}")
    options = CompareOptions(confidence, num_bootstrap, seed)
    table = shipped_tables().get(models[0], Path(models[0]))
    if len(models) == 1 and table.suffix == ".json":
        loaded = []
        found = recorded_comparison(load_table(table), baseline=baseline, options=options)
    else:
        loaded = [load_evaluated(named) for named in models]
        found = compare_models(loaded, baseline=baseline or loaded[0].label, options=options)
    flags = find_flags(found, published=published_lines())
    if out is not None:
        from roboloop.pipeline.comparison import write_comparison_folder

        page = write_comparison_folder(found, flags=flags, models=loaded, out=out)
        console().print(
            f"open in a browser: file://{page.absolute()}", markup=False, soft_wrap=True
        )
    print(write_comparison(found, flags=flags, form=format), end="")  # noqa: T201 - the table
    return 0
