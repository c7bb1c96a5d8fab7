"""Recipe options of a phase that learns from pairs of answers. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from roboloop.records.record import Record
from roboloop.train.config import PhaseConfig
from roboloop.train.known_tasks import check_tasks
from roboloop.train.optimizer_config import NotNegative, Positive


class DpoConfig(PhaseConfig):
    """One phase of direct preference optimization (Rafailov et al., 2023, arXiv 2305.18290).

    It takes the records that carry a `rejected` answer beside the true one, and makes the true one
    more likely and the rejected one less, both relative to a reference model that stays as it is.
    """

    learns_from: ClassVar[str] = "a rejected answer"

    kind: Literal["dpo"]
    tasks: tuple[str, ...] = ()
    """Tasks whose pairs are taken; all when left out."""
    pairs_per_step: int = Field(8, gt=0)
    """Pairs of one optimizer step, over all processes."""
    pairs_per_micro_batch: int | None = Field(None, gt=0)
    """Most pairs of one forward pass; all of a process's share when left out. It changes the
    memory a step takes, not what it does."""

    learning_rate: NotNegative = 1e-6
    """Peak learning rate of AdamW. Smaller than in fine-tuning; with LoRA about 5e-6."""
    loss: Literal["sigmoid", "ipo", "hinge"] = "sigmoid"
    """`sigmoid` is DPO's own; `ipo` (Azar et al., 2023, arXiv 2310.12036) draws the margin for each
    token towards 1 / (2 beta); `hinge` (Zhao et al., 2023, arXiv 2305.10425) stops at a margin of
    1 / beta."""
    beta: Positive = 0.1
    """How strongly the model is held to the reference; larger is closer to it."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """With `sigmoid`, the share of pairs taken to be the wrong way round (conservative DPO)."""
    sft_weight: NotNegative = 0.0
    """Weight of a second loss, the mean cross-entropy of the true answer's tokens. It keeps the
    true answer likely while the margin grows."""

    reference: Literal["cached", "adapter_off"] = "cached"
    """`cached`: log-probabilities of all answers are computed once, before training.
    `adapter_off`: with LoRA, the model without its adapter, asked in every step."""
    reference_model: Path | None = None
    """Folder of the reference model; the model that the phase starts from when left out."""
    share_prefix: bool = True
    """Compute picture and question once for both answers. The loss is that of two rows."""

    @field_validator("tasks")
    @classmethod
    def _tasks_are_known(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        check_tasks(tasks)
        return tasks

    @model_validator(mode="after")
    def _options_fit_together(self) -> Self:
        if self.label_smoothing and self.loss != "sigmoid":
            raise ValueError(f"label_smoothing belongs to the loss sigmoid, not {self.loss}")
        if self.reference == "adapter_off" and self.lora is None:
            raise ValueError("reference: adapter_off needs lora")
        if self.reference_model is not None and self.reference != "cached":
            raise ValueError("reference_model needs reference: cached")
        return self

    @property
    def task_names(self) -> tuple[str, ...]:
        """Tasks it is trained on; all when empty."""
        return self.tasks

    def can_use(self, record: Record) -> bool:
        """Whether the record has two answers."""
        return record.answer is not None and record.rejected is not None

    def summary(self) -> str:
        """One line for the plan."""
        terms = f"{self.loss}, beta {self.beta:g}"
        terms += f", {self.sft_weight:g} x fine-tuning" if self.sft_weight else ""
        data = "".join(f"{entry.summary()}; " for entry in self.data)
        return (
            f"{self.length} of {self.pairs_per_step} pairs of answers; "
            f"{', '.join(self.tasks) or 'all tasks'}; {data}{terms}, reference {self.reference}; "
            f"{self.optimizer.kind}, learning rate {self.learning_rate:g}"
        )
