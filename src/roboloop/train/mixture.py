"""What a phase is trained on: its own records, and some of earlier phases against forgetting.

Every draw takes the records with the smallest seeded fractions, so counts are exact, and a record
that is drawn stays drawn when others come or go. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.base.hashing import seeded_fraction
from roboloop.base.progress import console
from roboloop.records.composed import COMPOSER_KEY
from roboloop.records.record import Record
from roboloop.records.shards import RecordFolder
from roboloop.train.config import PhaseConfig, SftConfig
from roboloop.train.mixture_config import Replay, Taken

SPLIT = "train"
MIXTURE_FILE = "mixture.json"


class Drawn(NamedTuple):
    """What an entry brings: so many of so many records.

    Attributes:
        what: The entry in a few words.
        num_there: Records that it could bring.
        num_taken: Records that it brings.
    """

    what: str
    num_there: int
    num_taken: int

    def __str__(self) -> str:
        return f"{self.what}: {self.num_taken:,} of {self.num_there:,}"


class Mixture(NamedTuple):
    """The records of a phase.

    Attributes:
        records: In the order of the files.
        drawn: What each entry brings; the last one is what is replayed, if anything is.
    """

    records: list[Record]
    drawn: tuple[Drawn, ...]

    def write(self, out: Path, *, phase: str) -> None:
        """Say what it is made of, and keep that in the phase's folder."""
        console().print(f"{phase}: {'; '.join(map(str, self.drawn))}", markup=False, soft_wrap=True)
        drawn = [entry._asdict() for entry in self.drawn]
        atomic_write_json(
            out / MIXTURE_FILE, value={"num_records": len(self.records), "drawn": drawn}
        )


def draw_mixture(folder: RecordFolder, *, phase: PhaseConfig, seed: int) -> Mixture:
    """The training records of a phase.

    Args:
        folder: All records.
        phase: Says which it takes and replays.
        seed: Names every draw.

    Raises:
        RoboLoopError: E-TRN-004 when an entry takes no record, or nothing can be replayed.
    """
    replay = phase.replay if isinstance(phase, SftConfig) else None
    wanted = [*phase.taken, *(entry for part in (replay.of if replay else ()) for entry in part)]
    records = [
        record
        for record in folder.records(SPLIT)
        if phase.can_use(record) and any(entry.takes(record) for entry in wanted)
    ]
    own: list[int] = []
    drawn: list[Drawn] = []
    for entry, places in zip(phase.taken, _by_entry(records, entries=phase.taken), strict=True):
        if not places:
            said = f"no record with {phase.learns_from} is in: {entry.summary()}"
            raise _nothing(said, folder=folder)
        taken = _draw(records, places=places, entry=entry, seed=seed)
        drawn.append(Drawn(entry.summary(), len(places), len(taken)))
        own += taken
    if replay is not None:
        others = _replayable(records, replay=replay, but=own, seed=seed)
        if not others:
            raise _nothing("earlier phases took nothing that this one does not", folder=folder)
        number = round(len(own) * replay.rate / (1 - replay.rate))
        purpose = ("replay", phase.name)
        again = _smallest(records, places=others, number=number, purpose=purpose, seed=seed)
        drawn.append(Drawn("replayed", len(others), len(again)))
        own += again
    return Mixture([records[place] for place in sorted(own)], tuple(drawn))


def _by_entry(records: Sequence[Record], *, entries: Sequence[Taken]) -> list[list[int]]:
    """The places of the records that each entry is the first to take."""
    found: list[list[int]] = [[] for _ in entries]
    for place, record in enumerate(records):
        for number, entry in enumerate(entries):
            if entry.takes(record):
                found[number].append(place)
                break
    return found


def _draw(
    records: Sequence[Record], *, places: Sequence[int], entry: Taken, seed: int
) -> Sequence[int]:
    """The entry's share of the records it takes; one at least."""
    if entry.rate == 1:
        return places
    number = max(1, round(entry.rate * len(places)))
    purpose = ("taken", entry.canonical())
    return _smallest(records, places=places, number=number, purpose=purpose, seed=seed)


def _smallest(
    records: Sequence[Record],
    *,
    places: Sequence[int],
    number: int,
    purpose: tuple[str, str],
    seed: int,
) -> Sequence[int]:
    """So many of the places, drawn by the records' ids."""
    if number >= len(places):
        return places
    fractions = {place: seeded_fraction(seed, *purpose, records[place].id) for place in places}
    return sorted(places, key=fractions.__getitem__)[:number]


def _replayable(
    records: Sequence[Record], *, replay: Replay, but: Sequence[int], seed: int
) -> list[int]:
    """The places of records that earlier phases took and this one does not."""
    before: set[int] = set()
    for entries in replay.of:
        for entry, places in zip(entries, _by_entry(records, entries=entries), strict=True):
            if places:
                before.update(_draw(records, places=places, entry=entry, seed=seed))
    return sorted(before - set(but))


def _nothing(said: str, *, folder: RecordFolder) -> RoboLoopError:
    """Says what there is in place of what was asked for."""
    composers = {str(record.meta.get(COMPOSER_KEY, "none")) for record in folder.records(SPLIT)}
    return RoboLoopError(
        "E-TRN-004",
        f"{said}; split {SPLIT!r} has records of composers: {', '.join(sorted(composers))}",
        place=Place(folder.path),
    )
