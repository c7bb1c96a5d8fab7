"""llama_factory: the data sets of a LLaMA-Factory set-up, through its `dataset_info.json`.

Format: hiyouga/LLaMA-Factory, `data/README.md`. Each entry names a file and describes its columns
and tags. Entries on a hub are not on disk and are not fetched.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from pydantic import ValidationError

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import path_below
from roboloop.base.hashing import hash_file, hash_value, seeded_generator
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.column_map import Layout, layout_of
from roboloop.sources.conversation_records import EntryReader, Form
from roboloop.sources.conversations import Conversation
from roboloop.sources.file_lists import data_files, folder_print
from roboloop.sources.json_entries import scan_entries
from roboloop.sources.json_source import SUFFIXES, JsonEntrySource, read_entry

INFO_FILE = "dataset_info.json"
HUB_KEYS = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url")


class Subset(NamedTuple):
    """One data set that `dataset_info.json` describes."""

    name: str
    info: Mapping[str, Any]


class LlamaFactorySource(JsonEntrySource):
    """Data sets of a LLaMA-Factory set-up, read as its dataset_info.json describes them."""

    kind: Literal["llama_factory"] = "llama_factory"  # pyright: ignore[reportIncompatibleVariableOverride]
    path: Path
    """The folder of the set-up (its `dataset_dir`), or `dataset_info.json` itself."""
    subsets: tuple[str, ...] = ()
    """Names in `dataset_info.json` (its `dataset`); all that name a file when left out."""

    @property
    def pictures_folder(self) -> Path:
        """The set-up's `media_dir`: the folder of `dataset_info.json` when not said."""
        return self.image_folder or self._info_file.parent

    def parts(self, context: SourceContext) -> Iterator[Any]:
        """The data sets, in the order in which they are asked for.

        Raises:
            RoboLoopError: E-DAT-001 when there is none or one that is asked for is on a hub,
                E-DAT-002 when the description cannot be read, E-CFG-006 for an unknown name.
        """
        del context
        for name in self.subsets:
            if name not in self._described:
                near = difflib.get_close_matches(name, self._described, n=1)
                hint = f" - did you mean {near[0]!r}?" if near else ""
                raise self._wrong("E-CFG-006", f"it describes no data set {name!r}{hint}")
            if "file_name" not in self._described[name]:
                raise _not_on_disk(name, self._described[name]).located(Place(self._info_file))
        on_disk = [name for name, info in self._described.items() if "file_name" in info]
        if not on_disk:
            raise self._wrong("E-DAT-001", "no data set that it describes is a file on disk")
        for name in self.subsets or on_disk:
            yield Subset(name, self._described[name])

    def read_part(self, part: Subset, context: SourceContext) -> Iterator[Record | Rejected]:
        """The records of one data set; one rejection for the whole when it cannot be read."""
        try:
            form = _form(part, layout=self._layout(part))
            files = self._files(part)
        except RoboLoopError as error:
            yield Rejected(error.located(Place(self._info_file)), part.name)
            return
        prefix = f"{self.id_prefix}{part.name}/"
        reader = EntryReader(replace(self.rules(), id_prefix=prefix, form=form))
        wanted = self._sampled(part, files=files, seed=context.seed)
        for number, item in enumerate(item for file in files for item in scan_entries(file)):
            if wanted is None or number in wanted:
                yield read_entry(item, reader=reader)

    def fingerprint(self) -> str:
        """Hash of the options, the description, its files and the pictures."""
        asked = self.subsets or tuple(self._described)
        named = [Subset(name, self._described.get(name, {})) for name in asked]
        files = [hash_file(file) for part in named for file in self._files_there(part)]
        pictures = folder_print(self.pictures_folder) if self.pictures_folder.is_dir() else ""
        description = hash_file(self._info_file)
        return hash_value([self.model_dump(mode="json"), description, files, pictures])

    @property
    def _info_file(self) -> Path:
        return self.path / INFO_FILE if self.path.is_dir() else self.path

    @cached_property
    def _described(self) -> dict[str, dict[str, Any]]:
        """Name -> description."""
        try:
            value = json.loads(self._info_file.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise self._wrong("E-DAT-001", f"cannot be opened: {error}") from error
        except (ValueError, RecursionError) as error:
            raise self._wrong("E-DAT-002", f"not JSON: {error}") from error
        if not isinstance(value, dict) or not all(
            isinstance(info, dict) for info in cast("dict[str, Any]", value).values()
        ):
            raise self._wrong("E-DAT-002", "it is not an object of descriptions by name")
        return cast("dict[str, dict[str, Any]]", value)

    def _layout(self, part: Subset) -> Layout:
        try:
            return layout_of(part.info)
        except (ValidationError, TypeError) as error:
            shown = str(error).replace("\n", " ")[:200]
            raise RoboLoopError("E-DAT-002", f"data set {part.name!r}: {shown}") from error

    def _files(self, part: Subset) -> tuple[Path, ...]:
        name = part.info["file_name"]
        if not isinstance(name, str):
            raise RoboLoopError("E-DAT-002", f"data set {part.name!r}: file_name is {name!r}")
        path = path_below(self._info_file.parent, relative=name)
        if path.is_file() and path.suffix.lower() not in SUFFIXES:
            raise RoboLoopError(
                "E-DAT-002",
                f"data set {part.name!r} is a file that ends in {path.suffix!r}",
                fix="Only JSON is read here; tables have a source of their own, `parquet`.",
            )
        return data_files(path, suffixes=SUFFIXES)

    def _files_there(self, part: Subset) -> tuple[Path, ...]:
        """The files of a data set; none when it cannot be read."""
        try:
            return self._files(part) if "file_name" in part.info else ()
        except RoboLoopError:
            return ()

    def _sampled(
        self, part: Subset, *, files: tuple[Path, ...], seed: int
    ) -> frozenset[int] | None:
        """Numbers of the entries that `num_samples` draws; None for all of them."""
        wanted = part.info.get("num_samples")
        if not isinstance(wanted, int) or wanted <= 0:
            return None
        total = sum(1 for file in files for _ in scan_entries(file))
        if wanted >= total:
            return None
        draw = seeded_generator(seed, self.kind, part.name)
        return frozenset(int(number) for number in draw.permutation(total)[:wanted])

    def _wrong(self, code: str, detail: str) -> RoboLoopError:
        return RoboLoopError(code, detail, place=Place(self._info_file))


def _form(part: Subset, *, layout: Layout) -> Form:
    def conversation(entry: Any) -> Conversation:
        found = layout.conversation(entry)
        return found._replace(meta={**found.meta, "subset": part.name})

    return conversation


def _not_on_disk(name: str, info: Mapping[str, Any]) -> RoboLoopError:
    where = next((f"{key} {info[key]!r}" for key in HUB_KEYS if key in info), "nowhere")
    return RoboLoopError(
        "E-DAT-001",
        f"data set {name!r} is not on disk but at {where}",
        fix="Download it, and name the file in `file_name`.",
    )
