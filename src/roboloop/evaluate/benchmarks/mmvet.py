"""MM-Vet: open questions that mix abilities (arXiv 2308.02490), graded by a language model.

The judge is asked at temperature 0 and its grades are kept: the same answer is never graded twice
and never at random. When the judge cannot be reached or gives no grade, the item is a failed
request, which makes the result incomplete; nobody gets 0 or a guess for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import BaseModel, Field

from roboloop.engines.endpoint.chat import ChatRequest
from roboloop.evaluate.benchmarks.base import AUTHOR, Benchmark, Prompt
from roboloop.evaluate.benchmarks.choice import asked, origin_of
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder
from roboloop.evaluate.benchmarks.robointer_paper import robointer_anchors
from roboloop.evaluate.benchmarks.rows import published_rows
from roboloop.evaluate.benchmarks.texts import text_record
from roboloop.records.answers import Answer, Text
from roboloop.records.record import Record
from roboloop.tasks.base import Metric

PROMPT_VERSION = "mmvet/1"
SYSTEM = (
    "You grade answers to questions about pictures. You do not see the picture: compare the "
    "prediction with the ground truth alone."
)
RULES = """Compare the ground truth and prediction from AI models, to give a correctness score for the prediction.
<AND> in the ground truth means it is totally right only when all elements in the ground truth are present in the prediction, and <OR> means it is totally right when any one element in the ground truth is present in the prediction.
The correctness score is 0.0 (totally wrong), 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, or 1.0 (totally right).

Question | Ground truth | Prediction | Correctness
--- | --- | --- | ---
What is x in the equation? | -1 <AND> -5 | x = 3 | 0.0
What is x in the equation? | -1 <AND> -5 | x = -1 | 0.5
What is x in the equation? | -1 <AND> -5 | x = -5 | 0.5
What is x in the equation? | -1 <AND> -5 | x = -5 or 5 | 0.5
What is x in the equation? | -1 <AND> -5 | x = -1 or x = -5 | 1.0"""  # noqa: E501 - the authors' own line ends
STEP_BY_STEP = (
    "First please perform reasoning, and think step by step to provide best answer to the "
    "following question: \n\n"
)


class Grade(BaseModel):
    """What the judge answers."""

    correctness: float = Field(ge=0.0, le=1.0)


class MMVet(Benchmark):
    """MM-Vet: 218 questions on 200 pictures."""

    kind = "mmvet"
    title = "MM-Vet"
    hub = ("lmms-lab/MMVet", "lmms-lab-encoder/MMVet")
    licence = "CC BY 4.0"
    num_items = 218
    anchors = robointer_anchors("mmvet")
    metrics = (Metric("grade", worst=0.0),)
    answer_kind = "text"
    needs_judge = True
    prompts: ClassVar[Mapping[str, Prompt]] = {
        AUTHOR: Prompt(asked, "the data set's own question"),
        "lmms_eval": Prompt(lambda record: STEP_BY_STEP + asked(record), "lmms-eval 0.7"),
        "vlmevalkit": Prompt(asked, "VLMEvalKit"),
    }

    def read(self, folder: BenchmarkFolder) -> Iterator[Record]:
        """`data/test-*.parquet` of the hub, or VLMEvalKit's table."""
        rows, is_tsv = published_rows(
            folder, "**/test*.parquet", columns=("question_id", "question", "answer", "capability?")
        )
        for row in rows:
            item, question, answer = row.need(
                "index" if is_tsv else "question_id", "question", "answer"
            )
            ability = row.fields.get("category" if is_tsv else "capability") or ""
            yield text_record(
                self, item=item, media=row.shown("image"), question=str(question).strip(),
                answers=[str(answer)], origin=origin_of(folder, row), subtask=str(ability),
            )  # fmt: skip

    def measure(self, answer: Answer, record: Record) -> dict[str, float]:
        """Nothing is right until the judge says so; see `grade_request`."""
        return self.worst()


def grade_request(record: Record, *, answer: Text) -> ChatRequest:
    """The question to the judge: the authors' few-shot table with one more row."""
    assert isinstance(record.answer, Text)
    truth = record.answer.text.replace("<AND>", " <AND> ").replace("<OR>", " <OR> ")
    row = " | ".join((asked(record), truth, answer.text))
    return ChatRequest(system=SYSTEM, text=f"{RULES}\n{row} |")
