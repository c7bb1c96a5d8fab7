"""What benchmarks with lettered options share: their records, and the evaluators' ways to ask.

The prompts are quoted as protocols: a score can only be held against a published one when the
question was worded alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.evaluate.benchmarks.base import Benchmark, Prompt, check_subtask
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.rows import Row, tsv_rows
from roboloop.records.answers import Choice
from roboloop.records.media import Media
from roboloop.records.record import Record
from roboloop.tasks.base import LETTERS

LETTER_DIRECTLY = "Answer with the option's letter from the given choices directly."
LAST_LINE_LETTER = (
    "The last line of your response should be of the following format: 'Answer: $LETTER' "
    "(without quotes) where LETTER is one of options."
)
STEP_BY_STEP_LETTER = (
    "Carefully analyze the multiple-choice question above and reason through it step by step. "
    "Conclude your response with a line in the following format: Answer: $LETTER (without quotes), "
    "where $LETTER is the letter of the correct choice."
)
IN_BACKTICKS = f"{LETTER_DIRECTLY} Enclose the option's letter within ``."

_OPTION = re.compile(r"(?:^|(?<=[\s,;]))\(?([A-J])[.:)]\s*(?=\S)")


class Options(NamedTuple):
    """A question that holds its options, taken apart; no options where they cannot be told."""

    question: str
    options: tuple[str, ...]


def split_options(text: str) -> Options:
    """Options written as `A. x`, `A: x` or `(A) x`, one after the other from A on.

    The last run of letters that begins with A counts, so that a name such as `point A.` in the
    question does no harm.
    """
    run = _lettered(text)
    if not run:
        return Options(text.strip(), ())
    found = [part.partition("\n\n")[0].strip(" \n,;") for part in _between(run, text=text)]
    found[-1] = found[-1].partition("\n")[0].strip()
    stem = re.sub(r"(?:options|choices)\s*:\s*$", "", text[: run[0].start()].rstrip(), flags=re.I)
    return Options(stem.strip(), tuple(found))


def with_options(text: str, *, old: Sequence[str], new: Sequence[str]) -> str | None:
    """The text with other options behind its letters; None when the old ones are not there."""
    run = _lettered(text)
    parts = _between(run, text=text)
    if len(parts) != len(old) or not all(map(_begins_with, parts, old)):
        return None
    lines = zip(run, new, parts, old, strict=True)
    moved = (mark[0] + option + part[len(before) :] for mark, option, part, before in lines)
    return text[: run[0].start()] + "".join(moved)


def _lettered(text: str) -> list[re.Match[str]]:
    """The marks of the last run of options that begins with A; none where there is no such run."""
    marks = list(_OPTION.finditer(text))
    for start in reversed([index for index, mark in enumerate(marks) if mark[1] == "A"]):
        run = [marks[start]]
        for mark in marks[start + 1 :]:
            if mark[1] == LETTERS[len(run)]:
                run.append(mark)
        if len(run) > 1:
            return run
    return []


def _begins_with(part: str, option: str) -> bool:
    """Whether an option stands here whole, not as the beginning of a longer word."""
    return part.startswith(option) and not part[len(option) :][:1].isalnum()


def _between(run: Sequence[re.Match[str]], *, text: str) -> list[str]:
    """What stands behind each mark, up to the next one."""
    ends = [*(mark.start() for mark in run[1:]), len(text)]
    return [text[mark.end() : end] for mark, end in zip(run, ends, strict=False)]


def choice_record(
    benchmark: Benchmark,
    folder: BenchmarkFolder,
    row: Row,
    *,
    item: Any,
    media: tuple[Media, ...],
    question: str,
    options: Sequence[str],
    letter: str,
    subtask: str = "",
    published: str = "",
    **meta: Any,
) -> Record:
    """The record of one multiple-choice question.

    Args:
        benchmark: Whose question it is.
        folder: The benchmark's files.
        row: Where it was read.
        item: The publisher's id of it.
        media: Its pictures.
        question: The question without options.
        options: Texts behind A, B, C ...; empty when only the letters are known.
        letter: The right one; brackets around it are dropped.
        subtask: The part of the benchmark it belongs to.
        published: The prompt as the data set words it, options and all.
        **meta: Anything else to keep.

    Raises:
        RoboLoopError: E-EVA-012 when the letter is none of the options.
    """
    right = letter.strip().strip("()").upper()
    letters = LETTERS[: len(options)] if options else LETTERS
    if len(right) != 1 or right not in letters:
        raise RoboLoopError(
            "E-EVA-012", f"the answer {letter!r} is none of {letters}", place=row.place
        )
    told = {"subtask": subtask} if subtask else {}
    record = Record(
        id=f"{benchmark.kind}/{item}",
        task="choice_vqa",
        media=media,
        inputs={"question": question, **({"options": tuple(options)} if options else {})},
        answer=Choice(right, tuple(options)),
        source=benchmark.kind,
        split="test",
        licence=benchmark.licence,
        origin=origin_of(folder, row),
        meta={**told, **({"published": published} if published else {}), **meta},
    )
    try:
        check_subtask(benchmark, subtask)
    except RoboLoopError as error:
        raise error.located(row.place) from error
    return record


def origin_of(folder: BenchmarkFolder, row: Row) -> str:
    """File and row, as `why` and messages name them."""
    assert row.place.file is not None
    at = row.place.line if row.place.line is not None else row.place.record_id
    return f"{folder.relative(Path(row.place.file))}:{at}"


def tsv_choices(
    benchmark: Benchmark, folder: BenchmarkFolder, *, subtask: str = "category"
) -> Iterator[Record] | None:
    """The records of VLMEvalKit's table of this benchmark, or None when there is no such table."""
    files = folder.find("*.tsv")
    if not files:
        return None
    return (
        _tsv_choice(benchmark, folder, row, subtask=subtask)
        for file in files
        for row in tsv_rows(folder, file)
    )


def _tsv_choice(benchmark: Benchmark, folder: BenchmarkFolder, row: Row, *, subtask: str) -> Record:
    index, question, answer = row.need("index", "question", "answer")
    written = [row.fields[letter] for letter in LETTERS if letter in row.fields]
    stem, options = Options(question, tuple(written)) if written else split_options(question)
    return choice_record(
        benchmark, folder, row, item=index, media=row.shown("image"), question=stem,
        options=options, letter=answer, subtask=row.fields.get(subtask, ""),
        published="" if written else question,
    )  # fmt: skip


def options_of(record: Record) -> tuple[str, ...]:
    """The option texts; empty when only their letters are known."""
    options = record.inputs.get("options", ())
    return options if isinstance(options, tuple) else ()


def option_lines(record: Record, *, form: str = "{}. {}") -> str:
    """One line for each option, such as `A. a cup`."""
    lines = zip(LETTERS, options_of(record), strict=False)
    return "\n".join(form.format(letter, text) for letter, text in lines)


def letters_only(record: Record) -> str:
    """lmms-eval's line in front: respond with the letters alone."""
    letters = ", ".join(LETTERS[: len(options_of(record)) or 4])
    note = f"Note: You only need to respond with {letters} without providing any additional"
    return f"{note} information.\n"


def asked(record: Record) -> str:
    """The question without its options."""
    return record.text_input("question")


def published(record: Record) -> str:
    """The data set's own prompt; question and options where it has none."""
    text = record.meta.get("published")
    if isinstance(text, str):
        return text
    lines = option_lines(record)
    return f"{asked(record)}\n{lines}" if lines else asked(record)


def vlmevalkit_choice(record: Record) -> str:
    """VLMEvalKit's block for any multiple choice (`ImageMCQDataset.build_prompt`)."""
    lines = option_lines(record)
    text = f"Question: {asked(record)}\n"
    return f"{text}Options:\n{lines}\nPlease select the correct answer from the options above. \n"


def flagevalmm_choice(record: Record) -> str:
    """FlagEvalMM's default for multiple choice: options, then the letter directly."""
    return f"{asked(record)}\n{option_lines(record)}\n{LETTER_DIRECTLY}"


def published_then(ending: str) -> Prompt:
    """The data set's prompt and a line after it, as FlagEvalMM asks."""
    return Prompt(lambda record: f"{published(record)}\n{ending}", "FlagEvalMM")


VLMEVALKIT_CHOICE = Prompt(vlmevalkit_choice, "VLMEvalKit, ImageMCQDataset")
FLAGEVALMM_CHOICE = Prompt(flagevalmm_choice, "FlagEvalMM, default for multiple choice")
