"""sharegpt, messages, alpaca: JSON entries of one declared form, and of no other.

`llava_json` takes whichever of these forms an entry has. These sources are strict: what their
columns and tags do not describe is left out with a reason.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from roboloop.sources.column_map import Columns, Layout, Tags
from roboloop.sources.conversations import Conversation
from roboloop.sources.json_source import JsonEntrySource

OTHER_COLUMNS = {
    **{name: name for name in ("system", "images", "videos")},
    **{name: name for name in ("chosen", "rejected")},
}
SHAREGPT_COLUMNS = Columns(**OTHER_COLUMNS)
MESSAGES_COLUMNS = Columns(messages="messages", **OTHER_COLUMNS)
ALPACA_COLUMNS = Columns(history="history", **OTHER_COLUMNS)
MESSAGES_TAGS = Tags(role_tag="role", content_tag="content", user_tag="user",
                     assistant_tag="assistant", observation_tag="tool")  # fmt: skip


class DeclaredFormSource(JsonEntrySource):
    """JSON entries of one declared layout."""

    formatting: ClassVar[Literal["alpaca", "sharegpt"]]
    usual_columns: ClassVar[Columns]
    usual_tags: ClassVar[Tags] = Tags()

    columns: dict[str, str | None] = Field(default_factory=dict[str, str | None])
    """Which key of an entry holds what, where it differs from the usual name."""
    tags: dict[str, str] = Field(default_factory=dict[str, str])
    """The keys of a turn and the names of its speakers, where they differ from the usual ones."""

    def model_post_init(self, context: Any, /) -> None:
        """Unknown columns and tags are refused with the recipe."""
        super().model_post_init(context)
        _ = self.layout()

    def layout(self) -> Layout:
        """The layout of the entries."""
        columns = {**self.usual_columns.model_dump(), **self.columns}
        tags = {**self.usual_tags.model_dump(), **self.tags}
        return Layout(self.formatting, Columns(**columns), Tags(**tags), self._ranking)

    @property
    def _ranking(self) -> bool | None:
        """Whether the recipe names the columns of a pair; else entries may be pairs."""
        named = [self.columns.get(name) for name in ("chosen", "rejected")]
        return True if all(named) else None

    def conversation(self, entry: Any) -> Conversation:
        """The conversation of an entry of this layout.

        Raises:
            RoboLoopError: E-DAT-004 when the entry is laid out otherwise.
        """
        return self.layout().conversation(entry)


class ShareGptSource(DeclaredFormSource):
    """Conversations of `from` and `value`, said by human and gpt."""

    kind: Literal["sharegpt"] = "sharegpt"  # pyright: ignore[reportIncompatibleVariableOverride]
    formatting = "sharegpt"
    usual_columns = SHAREGPT_COLUMNS


class MessagesSource(DeclaredFormSource):
    """Chat messages of `role` and `content`, said by user and assistant."""

    kind: Literal["messages"] = "messages"  # pyright: ignore[reportIncompatibleVariableOverride]
    formatting = "sharegpt"
    usual_columns = MESSAGES_COLUMNS
    usual_tags = MESSAGES_TAGS


class AlpacaSource(DeclaredFormSource):
    """Single questions of `instruction`, `input` and `output`, perhaps with a history."""

    kind: Literal["alpaca"] = "alpaca"  # pyright: ignore[reportIncompatibleVariableOverride]
    formatting = "alpaca"
    usual_columns = ALPACA_COLUMNS
