"""Conversations of different lengths into packs, and packs onto processes.

A pack is one flat row of several conversations that do not see one another. Nothing in it is
filling, so a step over packs computes what is there and no more. Stock transformers keeps the
conversations apart when three things hold (docs/design/0011-packing.md): four rows of positions,
of which the first counts anew for each conversation; no mask; no cache.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, insort
from collections.abc import Sequence

import numpy as np
import torch

from roboloop.models.batch import rotary_positions
from roboloop.models.chat import IGNORED, Encoded
from roboloop.models.parts import Parts
from roboloop.train.batches import WEIGHTS

Pack = list[int]
"""Places, in what was given, of the rows that stand in one pack."""


def best_fit(lengths: Sequence[int], *, most: int) -> list[Pack]:
    """Few packs of at most `most` tokens: longest row first, each where it leaves least room.

    Best fit decreasing: never more than 11/9 of the fewest possible and 4 (Johnson, 1973).
    """
    packs: list[Pack] = []
    rooms: list[tuple[int, int]] = []  # what is left of a pack, and its number; sorted
    for row in _longest_first(lengths):
        assert lengths[row] <= most, f"a row of {lengths[row]} tokens, {most} at most"
        place = bisect_left(rooms, (lengths[row], -1))
        if place == len(rooms):
            packs.append([])
            room, number = most, len(packs) - 1
        else:
            room, number = rooms.pop(place)
        packs[number].append(row)
        insort(rooms, (room - lengths[row], number))
    return packs


def level(lengths: Sequence[int], *, num_packs: int, most: int) -> list[Pack] | None:
    """So many packs, as even as may be: longest row first, each into the emptiest pack.

    Returns:
        None when a pack would come to more than `most` tokens.
    """
    packs: list[Pack] = [[] for _ in range(num_packs)]
    loads = [(0, number) for number in range(num_packs)]
    for row in _longest_first(lengths):
        load, number = heapq.heappop(loads)
        if load + lengths[row] > most:
            return None
        packs[number].append(row)
        heapq.heappush(loads, (load + lengths[row], number))
    return packs


def share_out(lengths: Sequence[int], *, most: int, num_ranks: int) -> list[list[Pack]]:
    """The packs of a step for each process: as many for every one, and near as many tokens.

    Best fit says how many packs are needed. Made up to a multiple of the processes, the rows are
    spread evenly over so many; where they do not fit so, every process takes a pack more. Packs
    have no filling, so even ones cost no more than full ones. The same lengths give the same packs.

    Returns:
        [num_ranks] lists of packs; every row is in one pack of one process. With fewer rows than
        processes some packs are empty.
    """
    wanted = math.ceil(len(best_fit(lengths, most=most)) / num_ranks) * num_ranks
    while (packs := level(lengths, num_packs=wanted, most=most)) is None:
        wanted += num_ranks
    loads = [sum(lengths[row] for row in pack) for pack in packs]
    shares: list[list[Pack]] = [[] for _ in range(num_ranks)]
    totals = [0] * num_ranks
    for number in _longest_first(loads):
        open_ranks = [rank for rank in range(num_ranks) if len(shares[rank]) < wanted // num_ranks]
        rank = min(open_ranks, key=totals.__getitem__)
        shares[rank].append(sorted(packs[number]))
        totals[rank] += loads[number]
    return shares


def collate_packed(items: Sequence[Encoded], *, parts: Parts) -> dict[str, torch.Tensor]:
    """Conversations one after the other, as one row without filling.

    Returns:
        `input_ids`, `labels` and, when targets are weighed, `weights` [1, S]; `position_ids`
        [4, 1, S]: place in the conversation, then time, row and column of the rotary embedding; of
        pictures, `patches` uint8 [num_patches, 3, patch_size, patch_size] and `image_grid_thw`
        [num_pictures, 3].
    """
    # Labels are shifted within the whole row: a conversation's first token follows the one before.
    assert all(item.labels[0] == IGNORED for item in items)
    positions = [
        np.concatenate([np.arange(item.num_tokens)[None], rotary_positions(item, parts=parts)])
        for item in items
    ]
    arrays = {
        "input_ids": np.concatenate([item.input_ids for item in items])[None],
        "labels": np.concatenate([item.labels for item in items])[None],
        "position_ids": np.concatenate(positions, axis=1)[:, None],
        **picture_arrays(items),
    }
    weights = [item.weights for item in items if item.weights is not None]
    if weights:
        assert len(weights) == len(items), "all conversations are weighed, or none"
        arrays[WEIGHTS] = np.concatenate(weights)[None]
    return {name: torch.from_numpy(value) for name, value in arrays.items()}


def picture_arrays(items: Sequence[Encoded]) -> dict[str, np.ndarray]:
    """`patches` and `image_grid_thw` of all pictures in order; nothing when there are none."""
    if not any(len(item.grid_thw) for item in items):
        return {}
    return {
        "patches": np.concatenate([item.patches for item in items]),
        "image_grid_thw": np.concatenate([item.grid_thw for item in items]),
    }


def _longest_first(lengths: Sequence[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
