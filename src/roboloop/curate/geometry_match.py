"""How well the coordinates of two answers about one picture agree."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from roboloop.curate.columns import arrow_compute, number_lists
from roboloop.curate.kernels import Floats, Offsets

GEOMETRY_FACTS = ("answer_kind", "geometry", "width", "height")
"""The columns of the facts that are looked at."""
BOX_KINDS = ("box", "boxes")
_BELOW_ONE = float(np.nextafter(1.0, 0.0))


class Geometry(NamedTuple):
    """The spatial answers of some records, as in the facts: fractions of width and height.

    Attributes:
        values: Of all records.
        offsets: Where each record's values begin, and a last one where they end.
        is_box: Bool a record: x1, y1, x2, y2 of boxes, or else x, y of points.
        sizes: Width and height of each record's picture in pixels, 1 where not known.
    """

    values: Floats
    offsets: Offsets
    is_box: Any
    sizes: Floats


def geometry_of(facts: Any) -> Geometry:
    """The spatial answers in a table of facts."""
    import pyarrow as pa

    values, offsets = number_lists(facts["geometry"])
    is_box = arrow_compute().is_in(facts["answer_kind"], value_set=pa.array(BOX_KINDS))
    sizes = np.column_stack([facts["width"].to_numpy(), facts["height"].to_numpy()])
    return Geometry(
        values,
        offsets,
        is_box.to_numpy(),
        np.maximum(sizes, 1).astype(np.float64),
    )


def agreement(
    geometry: Geometry, left: Offsets, right: Offsets, *, min_iou: float, max_point_error: float
) -> Floats:
    """Of each pair of records with equally many values: 1 for equal coordinates, 0 for too far.

    Boxes agree by the least intersection over union of any, points by 1 - their mean distance as
    a fraction of the picture's diagonal. Records without coordinates agree with 1.
    """
    agreed = np.ones(len(left))
    counts = geometry.offsets[left + 1] - geometry.offsets[left]
    for count in np.unique(counts[counts > 0]).tolist():
        for is_box, measure, least in (
            (True, _least_iou, min_iou),
            (False, _closeness, 1 - max_point_error),
        ):
            rows = np.flatnonzero((counts == count) & (geometry.is_box[left] == is_box))
            if not len(rows):
                continue
            span = np.arange(count)
            one, other = (
                geometry.values[geometry.offsets[ends[rows]][:, None] + span]
                for ends in (left, right)
            )
            found = measure(one, other, geometry.sizes[left[rows]])
            found = np.where((one == other).all(axis=1), 1.0, np.minimum(found, _BELOW_ONE))
            agreed[rows] = np.where(found >= least, found, 0.0)
    return agreed


def _least_iou(one: Floats, other: Floats, sizes: Floats) -> Floats:
    """Of rows of boxes, the least intersection over union of boxes in the same place."""
    del sizes  # stretching both axes leaves the ratio of areas as it is
    one, other = one.reshape(len(one), -1, 4), other.reshape(len(other), -1, 4)
    low, high = np.maximum(one[..., :2], other[..., :2]), np.minimum(one[..., 2:], other[..., 2:])
    common = np.prod(np.maximum(high - low, 0), axis=-1)
    areas = [np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1) for boxes in (one, other)]
    union = areas[0] + areas[1] - common
    ratio = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    ratio[(one == other).all(axis=-1)] = 1.0
    return ratio.min(axis=1)


def _closeness(one: Floats, other: Floats, sizes: Floats) -> Floats:
    """Of rows of points, 1 - mean distance as a fraction of the diagonal."""
    steps = (one - other).reshape(len(one), -1, 2) * sizes[:, None, :]
    distances = np.hypot(steps[..., 0], steps[..., 1]).mean(axis=1)
    return 1 - distances / np.hypot(sizes[:, 0], sizes[:, 1])
