"""What sources of tables and of samples in archives share: the options, and their defaults."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from roboloop.sources.base import SourceContext
from roboloop.sources.conversation_records import EntryReader
from roboloop.sources.entry_source import SPLIT_PATTERN, EntrySource
from roboloop.sources.file_lists import data_files
from roboloop.sources.published_rows import RowForm, find_columns


class RowSource(EntrySource):
    """Rows that ask about pictures, in files that are each a part of the work.

    Class attributes:
        suffixes: How the files end.
    """

    suffixes: ClassVar[tuple[str, ...]]

    split: str = Field("auto", pattern=SPLIT_PATTERN)
    """The split of all rows; `auto` takes a row's own, or the one its file is named after."""
    columns: dict[str, str] = Field(default_factory=dict[str, str])
    """What a row tells (`id`, `question`, `answer`, `options`, `images`, `conversation`, `hint`,
    `task`, `split`) -> its column, where that has not one of the usual names."""
    ask: str = ""
    """The question put to rows that have none, such as `Describe the picture.`"""
    class_names: tuple[str, ...] = ()
    """Names behind answers that are whole numbers."""
    first_option: Literal[0, 1] | None = None
    """The number of the first option, for answers that count the options. Never guessed."""

    def parts(self, context: SourceContext) -> Iterator[Any]:
        """The files.

        Raises:
            RoboLoopError: E-DAT-001 when there is none.
        """
        del context
        yield from data_files(self.path, suffixes=self.suffixes)

    def row_form(self, names: Collection[str]) -> RowForm:
        """How rows with these columns are read.

        Raises:
            RoboLoopError: E-CFG-003 when the recipe names a column that is not there.
        """
        return RowForm(
            columns=find_columns(names, given=self.columns),
            task=self.task,
            ask=self.ask,
            class_names=self.class_names,
            first_option=self.first_option,
            use_split=self.split == "auto",
        )

    def row_reader(self, form: RowForm, *, split: str) -> EntryReader:
        """Makes records of entries that `form` gives; `split` is that of rows without their own."""
        chosen = split if self.split == "auto" else self.split
        rules = replace(self.rules(), task="auto", split=chosen, form=form.conversation)
        return EntryReader(rules)
