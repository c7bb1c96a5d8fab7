"""COCO captions: one sentence about a picture, held against five by people (arXiv 1504.00325)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np

from roboloop.base.statistics import FloatArray
from roboloop.evaluate.benchmarks.base import (
    AUTHOR,
    Aggregation,
    Benchmark,
    Measurer,
    Prompt,
    Scored,
)
from roboloop.evaluate.benchmarks.captions import (
    ORDERS,
    Cider,
    bleu_counts,
    bleu_of,
    caption_words,
    rouge_l,
)
from roboloop.evaluate.benchmarks.choice import origin_of
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.rows import published_rows
from roboloop.evaluate.benchmarks.texts import read_list, references_of, text_record
from roboloop.records.answers import Answer, Text
from roboloop.records.record import Record
from roboloop.tasks.base import Metric

ONE_SENTENCE = "Provide a one-sentence caption for the provided image."
VLMEVALKIT = (
    "Please describe this image in general. Directly provide the description, do not include "
    'prefix like "This image depicts". '
)


class CocoCaption(Benchmark):
    """COCO captions, 5,000 validation pictures; the headline is CIDEr, 100 per unit."""

    kind = "coco_caption"
    title = "COCO captions (val)"
    hub = ("lmms-lab/COCO-Caption2017", "lmms-lab-encoder/COCO-Caption2017")
    licence = "CC BY 4.0"
    num_items = 5000
    metrics = (Metric("cider", worst=0.0, unit="CIDEr"), Metric("rouge_l", worst=0.0))
    aggregation = Aggregation("CIDEr-D over all pictures")
    answer_kind = "text"
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(lambda _: ONE_SENTENCE, "lmms-eval; the authors asked people, not models"),
        "lmms_eval": Prompt(lambda _: ONE_SENTENCE, "lmms-eval 0.7"),
        "vlmevalkit": Prompt(lambda _: VLMEVALKIT, "VLMEvalKit"),
    }

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data/val-*.parquet` of the hub, or VLMEvalKit's table."""
        rows, is_tsv = published_rows(folder, "**/val-*.parquet", columns=("question_id", "answer"))
        for row in rows:
            item, captions = row.need("index" if is_tsv else "question_id", "answer")
            yield text_record(
                self, item=item, media=row.shown("image"), question=ONE_SENTENCE,
                answers=read_list(captions), origin=origin_of(folder, row),
            )  # fmt: skip

    def measurer(self, records: Sequence[Record]) -> Measurer:
        """CIDEr weighs words by how seldom they are among the captions of these records."""
        words = {record.id: _reference_words(record) for record in records}
        cider = Cider(words)

        def measure(answer: Answer, record: Record) -> dict[str, float]:
            assert isinstance(answer, Text)
            said = caption_words(answer.text)
            return {
                "cider": cider.score(record.id, said),
                "rouge_l": rouge_l(said, references=words[record.id]),
            }

        return measure

    def statistics(self, items: Sequence[Scored]) -> FloatArray:
        """CIDEr, ROUGE-L, then what BLEU sums."""
        return np.array(
            [
                [
                    item.values["cider"],
                    item.values["rouge_l"],
                    *bleu_counts(_said(item.answer), references=_reference_words(item.record)),
                ]
                for item in items
            ]
        )

    def numbers(self, means: FloatArray) -> dict[str, FloatArray]:
        """BLEU-1 to BLEU-4 of the whole set, and ROUGE-L."""
        bleus = {
            f"BLEU-{order}": bleu_of(means[..., 2:], order=order) for order in range(1, ORDERS + 1)
        }
        return {**bleus, "ROUGE-L": means[..., 1]}


def _said(answer: Answer | None) -> list[str]:
    return caption_words(answer.text) if isinstance(answer, Text) else []


def _reference_words(record: Record) -> list[list[str]]:
    return [caption_words(text) for text in references_of(record)]
