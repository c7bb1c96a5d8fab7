"""All experiments of `bench/compose_evidence.py`."""

from __future__ import annotations

from collections.abc import Mapping

from experiment import Experiment
from preferences import ALFRED, GEOMETRY, OTHER_THING, SAMPLED
from reasoning import REASONING, REASONING_ALFRED
from replay import REPLAY, REPLAY_ALFRED

EXPERIMENTS: Mapping[str, Experiment] = {
    "reasoning": REASONING,
    "reasoning_alfred": REASONING_ALFRED,
    "other_thing": OTHER_THING,
    "geometry": GEOMETRY,
    "sampled": SAMPLED,
    "alfred": ALFRED,
    "replay": REPLAY,
    "replay_alfred": REPLAY_ALFRED,
}
