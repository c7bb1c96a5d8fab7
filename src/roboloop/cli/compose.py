"""`compose`: make records of the records of a recipe."""

from __future__ import annotations

from pathlib import Path


def compose(
    recipe: Path,
    /,
    *,
    out: Path | None = None,
    set: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
    workers: int | None = None,
) -> int:
    """Make structured reasoning, plans and preference pairs of a recipe's records.

    What comes before, reading the sources and curation, is done first unless it is done already.

    Args:
        recipe: A YAML file, or the name of a shipped recipe.
        out: The run folder; runs/<recipe name> when left out.
        set: Override a value.
        only: Some of its composers, as in --only reason,plan: labels, kinds, or what kinds begin
            with.
        workers: Processes that read data sets; one a core when left out.
    """
    from roboloop.base.errors import Place, RoboLoopError
    from roboloop.cli.run import follow, with_workers
    from roboloop.pipeline.load import load_recipe

    loaded = load_recipe(recipe, overrides=with_workers(set, workers))
    if loaded.compose is None:
        raise RoboLoopError(
            "E-CFG-003", "the recipe composes nothing", place=Place(recipe),
            fix="Give it a `compose` part with `composers`; docs/compose.md shows one.",
        )  # fmt: skip
    if names := [name for text in only for name in text.split(",")]:
        loaded = loaded.model_copy(update={"compose": loaded.compose.only(names)})
    return follow(loaded, out=out, until="compose")
