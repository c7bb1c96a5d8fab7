"""The card's page: Markdown with the few HTML elements that every viewer of Markdown knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from html import escape
from typing import Any

COLUMNS = 3
MAX_WORDS = 26

SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("What is asked", "", ("tasks", "sources")),
    (
        "Where the answers lie",
        "Coordinates are kept in pixels of the original picture; here in shares of it.",
        ("places", "box_size", "box_aspect_log2", "path_length", "path_waypoints"),
    ),
    ("How long the texts are", "", ("question_words", "answer_words")),
    (
        "What a record costs",
        "Tokens of the pictures follow from their sizes by the dialect's resize rule; tokens of "
        "the texts are estimated as a quarter of their characters.",
        ("megapixels", "picture_tokens", "text_tokens"),
    ),
)


def card_page(
    numbers: Mapping[str, Any],
    *,
    title: str,
    figures: Collection[str],
    samples: Sequence[Mapping[str, str]],
) -> str:
    """The Markdown text.

    Args:
        numbers: The card's values.
        title: Its heading.
        figures: Names of the charts in `figures/`.
        samples: Drawn records; `answer` is empty where it is drawn over the picture.
    """
    parts = [f"# {title}", _facts(numbers), _licences(numbers)]
    if samples:
        parts += ["## Samples", _gallery(samples)]
    for heading, said, names in SECTIONS:
        there = [name for name in names if name in figures]
        if there:
            parts += [f"## {heading}", *filter(None, [said]), _row(there)]
    parts += ["## Counts", _counts(numbers), _sizes(numbers)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _facts(numbers: Mapping[str, Any]) -> str:
    tasks = {row["task"] for row in numbers["counts"]}
    sources = {row["source"] for row in numbers["counts"]}
    facts = [
        _many(numbers["num_records"], "record"),
        _many(numbers["num_pictures"], "picture"),
        _many(len(tasks), "task"),
        _many(len(sources), "source"),
    ]
    if numbers["num_episodes"]:
        facts.insert(2, _many(numbers["num_episodes"], "episode"))
    text = " · ".join(f"**{number}** {name}" for number, name in (fact.split() for fact in facts))
    if numbers["num_broken"]:
        text += f"\n\n{_many(numbers['num_broken'], 'line')} could not be read and are not counted."
    return text


def _licences(numbers: Mapping[str, Any]) -> str:
    rows = sorted(numbers["licences"].items(), key=lambda item: (-item[1], item[0]))
    lines = ["| licence | records |", "| :-- | --: |"]
    lines += [f"| {_cell(name) or '*not stated*'} | {count:,} |" for name, count in rows]
    return "\n".join(lines)


def _gallery(samples: Sequence[Mapping[str, str]]) -> str:
    """A table of pictures, each with its question and answer."""
    lines = ["<table>"]
    for start in range(0, len(samples), COLUMNS):
        lines.append("<tr>")
        for sample in samples[start : start + COLUMNS]:
            lines += ['<td width="33%" valign="top">', *_sample(sample), "</td>"]
        lines.append("</tr>")
    return "\n".join([*lines, "</table>"])


def _sample(sample: Mapping[str, str]) -> Iterator[str]:
    if sample["file"]:
        words = escape(f"{sample['task']}: {_short(sample['question'])}")
        yield f'<img src="{sample["file"]}" width="280" alt="{words}">'
    else:
        yield f"<em>its picture cannot be opened: {sample['problem']}</em>"
    more = int(sample["num_pictures"]) - 1
    shown = f" · first of {more + 1} pictures" if more else ""
    yield f"<br><sub><b>{escape(sample['task'])}</b> · {escape(sample['source'])}{shown}</sub>"
    yield f"<br>{escape(_short(sample['question']))}"
    if sample["answer"]:
        yield f"<br><i>{escape(_short(sample['answer']))}</i>"


def _row(names: Sequence[str]) -> str:
    return "\n".join(
        f'<img src="figures/{name}.svg" alt="{name}" width="440" align="top">' for name in names
    )


def _counts(numbers: Mapping[str, Any]) -> str:
    lines = ["| source | task | split | records |", "| :-- | :-- | :-- | --: |"]
    lines += [
        f"| {_cell(row['source'])} | {_cell(row['task'])} | {_cell(row['split'])} "
        f"| {row['count']:,} |"
        for row in numbers["counts"]
    ]
    return "\n".join(lines)


def _sizes(numbers: Mapping[str, Any]) -> str:
    rows = numbers["picture_sizes"]
    if not rows:
        return ""
    shown = ", ".join(f"{row['width']}×{row['height']} ({row['count']:,})" for row in rows)
    more = numbers["num_picture_sizes"] - len(rows)
    rest = f", and {more:,} more sizes" if more > 0 else ""
    return f"First pictures, in pixels: {shown}{rest}."


def _many(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _short(text: str) -> str:
    words = text.split()
    return " ".join(words[:MAX_WORDS]) + (" …" if len(words) > MAX_WORDS else "")


def _cell(text: str) -> str:
    return escape(text, quote=False).replace("|", "\\|").replace("\n", " ")
