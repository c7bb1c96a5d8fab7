"""Conversations by their columns: which key of an entry holds what, and who is called what.

The names are those of LLaMA-Factory's `dataset_info.json` (its `data/README.md`), so that an
existing set-up is taken over as it stands. Two forms: `alpaca` (a prompt, a query, a response) and
`sharegpt` (a list of turns, of whatever tags).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, cast

from pydantic import BaseModel, ConfigDict

from roboloop.records.record import Role, Turn
from roboloop.sources.conversations import Conversation, Reading, media_paths, unknown_form


class Columns(BaseModel):
    """Which key of an entry holds what; a None is not read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str | None = "instruction"
    query: str | None = "input"
    response: str | None = "output"
    history: str | None = None
    messages: str | None = "conversations"
    system: str | None = None
    tools: str | None = None
    images: str | None = None
    videos: str | None = None
    audios: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    kto_tag: str | None = None


class Tags(BaseModel):
    """The keys of a turn, and the names of its speakers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role_tag: str = "from"
    content_tag: str = "value"
    user_tag: str = "human"
    assistant_tag: str = "gpt"
    observation_tag: str = "observation"
    function_tag: str = "function_call"
    system_tag: str = "system"

    def role(self, speaker: Any) -> Role:
        """The role of a speaker.

        Raises:
            RoboLoopError: E-DAT-004 for a tool, or a speaker of another name.
        """
        roles: dict[str, Role] = {
            self.user_tag: "user",
            self.assistant_tag: "assistant",
            self.system_tag: "system",
        }
        if isinstance(speaker, str) and speaker in roles:
            return roles[speaker]
        if speaker in (self.observation_tag, self.function_tag):
            raise unknown_form(f"{speaker!r} speaks in it: calls of tools are not read")
        raise unknown_form(f"speaker {speaker!r} is none of {', '.join(roles)}")


class Layout(NamedTuple):
    """How the entries of one set are laid out."""

    formatting: Literal["alpaca", "sharegpt"]
    columns: Columns
    tags: Tags = Tags()
    ranking: bool | None = False
    """Whether entries are ranked pairs; None when those are that have both columns of a pair."""

    def conversation(self, entry: Any) -> Conversation:
        """The conversation of an entry of exactly this layout.

        Of a ranked pair the chosen answer is the truth, the other one is rejected. An answer that
        was marked as bad (`kto_tag` false) is rejected too, and there is no truth. The rejected
        text also stands in `meta.rejected`, as published.

        Raises:
            RoboLoopError: E-DAT-004 when the entry is laid out otherwise.
        """
        if not isinstance(entry, dict):
            raise unknown_form(f"an entry is a JSON object, not {type(entry).__name__}")
        return _Entry(cast("dict[str, Any]", entry), self).conversation()


class _Entry:
    """One entry on its way to a conversation."""

    def __init__(self, fields: dict[str, Any], layout: Layout) -> None:
        self._fields = fields
        self._layout = layout
        self._columns = layout.columns
        self._reading = Reading()
        both = fields.keys() >= {layout.columns.chosen, layout.columns.rejected}
        self._ranked = both if layout.ranking is None else layout.ranking

    def conversation(self) -> Conversation:
        turns = list(self._with_system(self._turns()))
        meta: dict[str, Any] = {}
        if self._ranked:
            meta["rejected"] = self._said(self._columns.rejected)
            turns.append(Turn("assistant", self._said(self._columns.chosen)))
        elif self._value(self._columns.kto_tag) is False and turns[-1].role == "assistant":
            meta["rejected"] = turns.pop().text
        if tools := self._value(self._columns.tools):
            meta["tools"] = tools
        if self._value(self._columns.audios):
            raise unknown_form("it has sound, which is not read")
        _check_order(turns)
        pictures = self._media(self._columns.images, inside=self._reading.pictures)
        videos = self._media(self._columns.videos, inside=self._reading.videos)
        return Conversation(
            tuple(turns),
            tuple(pictures),
            tuple(videos),
            rejected=meta.get("rejected"),
            meta=meta,
        )

    def _turns(self) -> Iterator[Turn]:
        if self._layout.formatting == "alpaca":
            return self._asked_and_answered()
        return self._listed()

    def _listed(self) -> Iterator[Turn]:
        """The turns of the `sharegpt` form."""
        column, tags = self._columns.messages, self._layout.tags
        spoken = self._value(column)
        if not isinstance(spoken, list):
            raise self._lacks(column, wanted="a list of turns")
        for turn in cast("list[Any]", spoken):
            yield self._turn(turn, tags=tags)

    def _turn(self, turn: Any, *, tags: Tags) -> Turn:
        if not isinstance(turn, dict) or tags.role_tag not in turn or tags.content_tag not in turn:
            wanted = f"{{{tags.role_tag}, {tags.content_tag}}}"
            raise unknown_form(f"a turn is {wanted}, not {turn!r}")
        given = cast("dict[str, Any]", turn)
        return Turn(tags.role(given[tags.role_tag]), self._reading.text(given[tags.content_tag]))

    def _asked_and_answered(self) -> Iterator[Turn]:
        """The turns of the `alpaca` form."""
        columns = self._columns
        yield from self._history()
        asked = [self._text(columns.prompt), self._text(columns.query)]
        if not any(asked):
            raise self._lacks(columns.prompt, wanted="a text")
        yield Turn("user", "\n".join(text for text in asked if text))
        answer = None if self._ranked else self._value(columns.response)
        if isinstance(answer, str):
            yield Turn("assistant", answer)
        elif answer is not None:
            raise unknown_form(f"its {columns.response!r} is {answer!r}, not a text")

    def _history(self) -> Iterator[Turn]:
        for pair in cast("list[Any]", self._value(self._columns.history) or []):
            match pair:
                case [str() as asked, str() as answered]:
                    yield Turn("user", asked)
                    yield Turn("assistant", answered)
                case _:
                    raise unknown_form(f"earlier turns are [question, answer], not {pair!r}")

    def _with_system(self, turns: Iterator[Turn]) -> Iterator[Turn]:
        """The turns after the system's, which stands among them or in a column of its own."""
        first = next(turns, None)
        system = self._text(self._columns.system)
        if system and (first is None or first.role != "system"):
            yield Turn("system", system)
        if first is not None:
            yield first
        yield from turns

    def _said(self, column: str | None) -> str:
        """One of a ranked pair: a text, or a turn."""
        given = self._value(column)
        if isinstance(given, str):
            return given
        if given is None:
            raise self._lacks(column, wanted="an answer")
        turn = self._turn(given, tags=self._layout.tags)
        if turn.role != "assistant":
            raise unknown_form(f"its {column!r} is not said by the assistant")
        return turn.text

    def _media(self, column: str | None, *, inside: list[str]) -> list[str]:
        beside = [] if column is None else media_paths(self._fields, key=column)
        if beside and inside:
            raise unknown_form("its pictures are named both in the messages and beside them")
        return beside or inside

    def _text(self, column: str | None) -> str:
        value = self._value(column)
        if value is None or isinstance(value, str):
            return value or ""
        raise unknown_form(f"its {column!r} is {value!r}, not a text")

    def _value(self, column: str | None) -> Any:
        return None if column is None else self._fields.get(column)

    def _lacks(self, column: str | None, *, wanted: str) -> Exception:
        keys = ", ".join(sorted(self._fields)) or "none"
        return unknown_form(f"it has no {column!r} that is {wanted}; its keys: {keys}")


def layout_of(info: Mapping[str, Any]) -> Layout:
    """The layout that an entry of `dataset_info.json` describes.

    As in LLaMA-Factory, a set that lists its columns has no others; tags that are not listed keep
    their usual names.

    Raises:
        ValidationError: For an unknown column, tag or formatting.
    """
    columns = info.get("columns")
    if columns is not None:
        columns = {**dict.fromkeys(Columns.model_fields), **columns}
    return _Described.model_validate(
        {
            "formatting": info.get("formatting") or "alpaca",
            "columns": columns or {},
            "tags": info.get("tags") or {},
            "ranking": info.get("ranking") or False,
        }
    ).layout()


class _Described(BaseModel):
    """A layout from a file that somebody else wrote."""

    formatting: Literal["alpaca", "sharegpt"]
    columns: Columns
    tags: Tags
    ranking: bool

    def layout(self) -> Layout:
        return Layout(self.formatting, self.columns, self.tags, self.ranking)


def _check_order(turns: list[Turn]) -> None:
    """The system may begin; then user and assistant take turns."""
    said = [turn.role for turn in turns]
    spoken = said[1:] if said[:1] == ["system"] else said
    wanted = ["user" if number % 2 == 0 else "assistant" for number in range(len(spoken))]
    if not spoken:
        raise unknown_form("nobody asks anything in it")
    if spoken != wanted:
        raise unknown_form(f"user and assistant do not take turns in it: {', '.join(said)}")
