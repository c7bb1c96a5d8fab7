"""What training phases are trained on, once the whole recipe is known.

Names of composers become their labels, and a phase that replays learns what the phases before it
took: the lock says both.
"""

from __future__ import annotations

from collections.abc import Sequence

from roboloop.compose.config import ComposeConfig
from roboloop.train.config import SftConfig
from roboloop.train.mixture_config import Taken
from roboloop.train.phases import Phase


def with_known_data(phases: Sequence[Phase], *, compose: ComposeConfig | None) -> tuple[Phase, ...]:
    """The phases with labels in `data` and with `replay.of`.

    Args:
        phases: As the recipe has them.
        compose: Its composers; without any, names stay as they are.

    Raises:
        RoboLoopError: E-CFG-006 for a name that takes no composer.
        ValueError: When there is no phase of fine-tuning whose records could be replayed.
    """
    known: list[Phase] = []
    before: list[tuple[Taken, ...]] = []
    for phase in phases:
        update: dict[str, object] = {}
        if phase.data:
            update["data"] = tuple(_with_labels(entry, compose=compose) for entry in phase.data)
        if isinstance(phase, SftConfig) and phase.replay is not None and not phase.replay.of:
            if not before:
                raise ValueError(f"{phase.name!r} has no phase of fine-tuning before it to replay")
            update["replay"] = phase.replay.model_copy(update={"of": tuple(before)})
        phase = phase.model_copy(update=update)
        known.append(phase)
        if isinstance(phase, SftConfig):
            before.append(phase.taken)
    return tuple(known)


def _with_labels(entry: Taken, *, compose: ComposeConfig | None) -> Taken:
    if not entry.composed or compose is None:
        return entry
    labels = tuple(composer.label for composer in compose.only(entry.composed).composers)
    return entry.model_copy(update={"composed": labels})
