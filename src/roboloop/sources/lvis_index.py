"""The annotations of an LVIS file by picture, in 56 bytes each.

The file is read once, entry by entry. Polygons are not kept.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.records.jsonl import Broken
from roboloop.sources.base import Rejected
from roboloop.sources.fields import Entry, cornered_box, finite
from roboloop.sources.json_members import scan_members
from roboloop.sources.object_questions import KnownObjects, NamedObject

SLACK_PX = 1.0
ARRAYS = ("images", "annotations", "categories")


class LvisPicture(NamedTuple):
    """A picture and all that is known of it.

    Attributes:
        paths: Where the picture may lie below the picture folder, the likeliest first.
        licence: The picture's own.
        file: The annotation file.
    """

    image_id: int
    paths: tuple[str, ...]
    size: PictureSize
    licence: str
    known: KnownObjects
    file: str


class _Image(NamedTuple):
    paths: tuple[str, ...]
    size: PictureSize
    licence: int
    absent: tuple[int, ...]
    uncounted: tuple[int, ...]


class LvisIndex:
    """One LVIS file.

    Args:
        file: Its path.
        name: The source's name, for the ids of what is left out.

    Raises:
        RoboLoopError: E-DAT-001, E-DAT-002, E-REC-001 or E-REC-014.
    """

    def __init__(self, file: Path, *, name: str) -> None:
        self._file = file
        self._name = name
        self._images: dict[int, _Image] = {}
        self._categories: dict[int, str] = {}
        self._licences: dict[int, str] = {}
        self._numbers = array("q")  # annotation, image and category, one after the other
        self._boxes = array("d")  # x, y, width and height
        self._rejected: list[Rejected] = []
        self._damaged: defaultdict[int, set[int]] = defaultdict(set)  # categories that lack a box
        self._read()

    def pictures(self) -> Iterator[LvisPicture | Rejected]:
        """What cannot be used, then every picture in the order of the file."""
        numbers = np.frombuffer(self._numbers, dtype=np.int64).reshape(-1, 3)
        order = np.argsort(numbers[:, 1], kind="stable")
        image_ids = numbers[order, 1]
        yield from self._rejected
        yield from self._strays(numbers)
        for image_id, image in self._images.items():
            first, last = np.searchsorted(image_ids, (image_id, image_id + 1))
            rows = [int(row) for row in order[first:last]]
            objects: list[NamedObject] = []
            for row in rows:
                try:
                    objects.append(self._object(row, size=image.size))
                except RoboLoopError as error:
                    self._damaged[image_id].add(self._numbers[3 * row + 2])
                    record_id = f"{self._name}/annotation/{self._numbers[3 * row]}"
                    yield Rejected(error.located(Place(self._file, record_id=record_id)), record_id)
            yield self._picture(image_id, image, tuple(objects))

    def _picture(
        self, image_id: int, image: _Image, objects: tuple[NamedObject, ...]
    ) -> LvisPicture:
        uncounted = {self._called(category) for category in image.uncounted}
        uncounted |= {self._called(c) for c in self._damaged.get(image_id, ())}
        absent = tuple(self._called(category) for category in image.absent)
        return LvisPicture(
            image_id,
            image.paths,
            image.size,
            self._licences.get(image.licence, ""),
            KnownObjects(objects=objects, uncounted=frozenset(uncounted), absent=absent),
            str(self._file),
        )

    def _object(self, row: int, *, size: PictureSize) -> NamedObject:
        key, _, category = self._numbers[3 * row : 3 * row + 3]
        x, y, width, height = self._boxes[4 * row : 4 * row + 4]
        if category not in self._categories:
            raise RoboLoopError("E-DAT-004", f"its category {category} is not in the file")
        box = cornered_box(x, y, width=width, height=height, picture=size, slack_px=SLACK_PX)
        return NamedObject(name=self._categories[category], box=box, key=str(key))

    def _strays(self, numbers: np.ndarray[Any, Any]) -> Iterator[Rejected]:
        """Annotations of pictures that are not in the file."""
        known = np.fromiter(self._images, dtype=np.int64, count=len(self._images))
        for key, image_id, _ in numbers[~np.isin(numbers[:, 1], known)]:
            record_id = f"{self._name}/annotation/{key}"
            error = RoboLoopError("E-DAT-004", f"its picture {image_id} is not in the file")
            yield Rejected(error.located(Place(self._file, record_id=record_id)), record_id)

    def _called(self, category: int) -> str:
        return self._categories.get(category, f"category {category}")

    def _read(self) -> None:
        met: set[str] = set()
        for key, _, item, broken_value in scan_members(self._file):
            met.add(key)
            if isinstance(item, Broken):
                self._rejected.append(Rejected(item.error))
                self._note_damage(broken_value)
                continue
            try:
                self._take(key, item.value)
            except RoboLoopError as error:
                self._note_damage(item.value)
                found = item.value.get("id") if isinstance(item.value, dict) else None
                record_id = f"{self._name}/{key.removesuffix('s')}/{found}"
                place = Place(item.place.file, item.place.line, record_id=record_id)
                self._rejected.append(Rejected(error.located(place), record_id))
        if lacking := [key for key in ARRAYS if key not in met]:
            raise RoboLoopError(
                "E-DAT-002", f"it has no {' and no '.join(lacking)}", place=Place(self._file)
            )

    def _take(self, key: str, value: Any) -> None:
        match key:
            case "annotations":
                self._take_annotation(Entry(value, what="annotation"))
            case "images":
                self._take_image(Entry(value, what="image"))
            case "categories":
                category = Entry(value, what="category")
                self._categories[category.whole("id")] = readable_name(category)
            case "licenses":
                licence = Entry(value, what="license")
                self._licences[licence.whole("id")] = licence.text("name")
            case _:
                pass

    def _note_damage(self, value: Any) -> None:
        """Remember of which category a picture lacks an object, as far as the entry tells."""
        match value:
            case {"image_id": int() as image_id, "category_id": int() as category}:
                self._damaged[image_id].add(category)
            case _:
                pass

    def _take_annotation(self, annotation: Entry) -> None:
        numbers = [annotation.whole(name) for name in ("id", "image_id", "category_id")]
        box = annotation.items("bbox")
        if len(box) != 4 or not all(type(side) in (int, float) for side in box):
            raise RoboLoopError("E-DAT-004", f"its bbox is {str(box)[:80]}, not [x, y, w, h]")
        sides = [finite(side, name="a side of its box") for side in box]
        self._numbers.extend(numbers)
        self._boxes.extend(sides)

    def _take_image(self, image: Entry) -> None:
        image_id = image.whole("id")
        if image_id in self._images:
            raise RoboLoopError("E-REC-004", f"the file has two pictures {image_id}")
        self._images[image_id] = _Image(
            picture_paths(image),
            PictureSize(image.whole("width"), image.whole("height")),
            image.whole("license") if "license" in image else 0,
            image.wholes("neg_category_ids"),
            image.wholes("not_exhaustive_category_ids"),
        )


def readable_name(category: Entry) -> str:
    """`aerosol_can` -> `aerosol can`, `mouse_(computer_equipment)` -> `mouse (computer equipment)`.

    What stands in brackets is kept: without it a bat would be an animal and a club alike. Version
    0.5 has a name that is two (`monitor_(computer_equipment) computer_monitor`): the first synonym.
    """
    name = category.text("name")
    if " " in name and "synonyms" in category:
        name = next(iter(category.texts("synonyms")), name)
    return " ".join(name.replace("_", " ").split())


def picture_paths(image: Entry) -> tuple[str, ...]:
    """Where a picture lies below COCO's folder.

    Version 1 says it in `coco_url`. Version 0.5 has a `file_name` of COCO 2014 besides, while its
    `coco_url` names the same picture in COCO 2017.
    """
    paths: list[str] = []
    if "coco_url" in image:
        _, folder, name = ("//" + image.text("coco_url")).rsplit("/", 2)
        paths += [f"{folder}/{name}" if folder else name, name]
    if "file_name" in image:
        name = image.text("file_name")
        folder = "/".join(name.split("_")[1:2])  # COCO_val2014_000000266409.jpg
        paths += [f"{folder}/{name}", name] if name.startswith("COCO_") else [name]
    if not paths:
        raise RoboLoopError("E-DAT-004", "image has no 'coco_url' or 'file_name'")
    return tuple(dict.fromkeys(paths))
