"""Recipe options of a training phase. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from roboloop.models.moe.options import MoeLossOptions, MoeOptions
from roboloop.records.record import Record
from roboloop.train.augment_config import AugmentConfig
from roboloop.train.batching import (
    Batching,
    BranchedBatching,
    PackedBatching,
    PaddedBatching,
)
from roboloop.train.known_tasks import check_tasks
from roboloop.train.loss_config import LossConfig
from roboloop.train.mixture_config import ReplayRate, Taken
from roboloop.train.optimizer_config import (
    AdamWConfig,
    NotNegative,
    OptimizerConfig,
    Positive,
    Share,
)
from roboloop.train.run_options import RUN_OPTIONS, GuardConfig, RunOptions
from roboloop.train.trained_config import PARTS, LoraOptions, Part


class PhaseConfig(RunOptions):
    """What phases of every kind have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    learns_from: ClassVar[str] = "an answer"
    """What a record needs to be of use."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=40)
    """Name of the phase, such as `ground`."""
    data: tuple[Taken, ...] = Field((), exclude_if=lambda entries: not entries)
    """Which of the records it is trained on; all when left out. A record goes with the first entry
    that takes it."""
    epochs: Positive | None = None
    """How often each picture, or pair of answers, is met. Give this or `num_steps`."""
    num_steps: int | None = Field(None, gt=0)
    """How many optimizer steps are taken. Give this or `epochs`."""

    parts: tuple[Part, ...] | None = None
    """Parts whose weights are trained; the others stay as they are. Left out, all are trained. A
    part that the model does not have is an error."""
    learning_rate: NotNegative = 1e-5
    """Peak learning rate of AdamW."""
    lora: LoraOptions | None = None
    """Train adapters; left out, the weights themselves."""
    part_learning_rates: Mapping[Part, NotNegative] = Field(default_factory=dict[Part, float])
    """Other peak learning rates for some parts."""
    part_weight_decays: Mapping[Part, NotNegative] = Field(default_factory=dict[Part, float])
    """Other weight decays for some parts. Norms, biases and gates never decay."""
    gate_learning_rate: Positive | None = None
    """Peak learning rate of the gates that open experts and amplifiers, which start at zero and
    have a long way to go. Left out, that of their part."""
    optimizer: OptimizerConfig = AdamWConfig()
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the learning rate falls after the warm-up: to 0 along a cosine, a line, or not at all."""
    warmup_fraction: Share = 0.03
    """Share of the steps over which the learning rate rises from 0."""
    clip_norm: Positive = 1.0
    """Largest norm of the whole gradient; a longer one is shortened to it."""

    max_tokens: int = Field(4096, gt=0)
    """Most tokens of a picture with one question and its answer. Nothing is ever cut in two: a
    longer one is an error, or where `batching` takes records, is made shorter or left out."""
    languages: tuple[str, ...] = ("en",)
    """Languages of the questions."""
    reword: bool = True
    """Draw one of a task's wordings for each question, in place of always taking the first."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Number format of the forward pass. `auto` is bfloat16 on a GPU and float32 on a CPU; the
    trained weights are float32 throughout."""
    data_workers: int = Field(1, ge=0)
    """Threads that make the next steps while a step runs; with 0 each is made when its turn comes.
    Changes nothing but the speed."""
    picture_cache_megabytes: int = Field(512, ge=0)
    """Most memory for decoded pictures in each process; `branched` batching keeps them all."""
    save_every_steps: int | None = Field(None, gt=0)
    """Steps between two checkpoints; left out, there are about ten in a phase."""
    log_every_steps: int = Field(5, gt=0)
    """Steps between two lines of the log."""
    guard: GuardConfig = GuardConfig()
    """What to do when the loss has gone wrong."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.num_steps is None):
            raise ValueError("give either epochs or num_steps")
        if not self.trained_parts:
            raise ValueError(f"nothing would be trained; parts are {', '.join(PARTS)}")
        for option in ("part_learning_rates", "part_weight_decays"):
            if unused := sorted(set(getattr(self, option)) - set(self.trained_parts)):
                raise ValueError(f"{option} names parts that are not trained: {unused}")
        ranks = None if self.lora is None else self.lora.rank
        if isinstance(ranks, Mapping) and (unused := sorted(set(ranks) - set(self.trained_parts))):
            raise ValueError(f"lora.rank names parts that are not trained: {unused}")
        return self

    @property
    def task_names(self) -> tuple[str, ...]:
        """Tasks it is trained on; all when empty."""
        return ()

    @property
    def is_mixed(self) -> bool:
        """Whether it says what it is trained on, besides tasks."""
        return bool(self.data)

    @property
    def taken(self) -> tuple[Taken, ...]:
        """Which records it is trained on, without those it replays: at least one entry."""
        return tuple(entry.of_tasks(self.task_names) for entry in self.data or (Taken(),))

    def can_use(self, record: Record) -> bool:
        """Whether the record has what the phase learns from."""
        return record.answer is not None

    @property
    def trained_parts(self) -> tuple[Part, ...]:
        """Parts to train; with `parts` left out, all there can be."""
        return PARTS if self.parts is None else self.parts

    @property
    def named_parts(self) -> tuple[Part, ...]:
        """Parts that some option names: the model has to have them."""
        named = {*(self.parts or ()), *self.part_learning_rates, *self.part_weight_decays}
        return tuple(part for part in PARTS if part in named)

    def settings(self) -> dict[str, Any]:
        """What the result depends on: all options but those of how it is run."""
        return self.model_dump(mode="json", exclude=set(RUN_OPTIONS))

    def rate_of(self, part: Part) -> float:
        """Peak learning rate of a part."""
        return self.part_learning_rates.get(part, self.learning_rate)

    def decay_of(self, part: Part) -> float:
        """Weight decay of a part's matrices."""
        return self.part_weight_decays.get(part, self.optimizer.weight_decay)

    @property
    def length(self) -> str:
        """How long it is, for the plan."""
        return f"{self.num_steps} steps" if self.num_steps else f"{self.epochs:g} epochs"


class SftConfig(PhaseConfig):
    """One phase of supervised fine-tuning.

    A step takes `pictures_per_step` pictures and of each up to `questions_per_picture` questions,
    drawn anew each time a picture is met. The questions of a picture share its tokens and do not
    see one another: the loss is that of asking each alone, at a fraction of the cost. With another
    `batching` a step takes records, each asked by itself.
    """

    kind: Literal["sft"] = Field("sft", exclude=True)
    """Supervised fine-tuning. May be left out, and is not written to the lock."""
    replay: ReplayRate | None = Field(None, exclude_if=lambda value: value is None)
    """Against forgetting: the share of its records that are drawn from those which earlier phases
    of fine-tuning took and this one does not, such as 0.2."""
    tasks: Mapping[str, Positive] = Field(default_factory=dict[str, float])
    """Task -> weight with which its questions are drawn; tasks not named are left out. Empty
    takes all tasks, with weight 1."""
    pictures_per_step: int = Field(8, gt=0)
    """Pictures of one optimizer step, over all processes."""
    pictures_per_micro_batch: int | None = Field(None, gt=0, exclude_if=lambda value: value is None)
    """Most pictures of one forward pass of a process; their gradients add up to the step's. Left
    out, a process takes all of its pictures at once."""
    questions_per_picture: int = Field(4, gt=0)
    """Most questions asked about a picture in one step."""
    batching: Batching = BranchedBatching()
    """What a step takes and how its rows are put together: `branched` takes pictures and is
    described above; `packed` and `padded` take records, each a conversation of its own."""
    augment: AugmentConfig | None = None
    """Random changes of the pictures; none when left out."""
    eval_every_steps: int | None = Field(None, gt=0)
    """Steps between two measurements of the loss on held-out records; left out, there is none.
    Measured after the last step too."""
    eval_split: str = "val"
    """Split of the held-out records."""
    eval_pictures: int = Field(64, gt=0)
    """Most pictures whose questions the evaluation loss is taken over."""
    generate_every_steps: int | None = Field(None, gt=0)
    """Steps between two times at which a few held-out questions are answered and scored."""
    generate_per_task: int = Field(4, gt=0)
    """Questions of each task that are answered."""
    generate_max_tokens: int = Field(64, gt=0)
    """Longest of those answers."""
    loss: LossConfig = LossConfig()
    """Label smoothing and z-loss, both off; how many logits exist at once."""
    moe: MoeOptions | None = None
    """Put routed experts beside the layers of the model before training. Until they are trained the
    model computes what it did; `parts: [moe]` trains them alone."""
    moe_loss: MoeLossOptions = MoeLossOptions()
    """What keeps experts in use, for models that have some."""

    @field_validator("tasks")
    @classmethod
    def _tasks_are_known(cls, tasks: Mapping[str, float]) -> Mapping[str, float]:
        check_tasks(tasks)
        return tasks

    @model_validator(mode="after")
    def _experts_are_trained_whole(self) -> Self:
        if self.moe is not None and self.lora is not None:
            raise ValueError("moe and lora exclude each other: an adapter's base has no experts")
        return self

    @model_validator(mode="after")
    def _batching_fits(self) -> Self:
        batching = self.batching
        if batching.kind == "branched":
            return self
        for name in ("pictures_per_step", "questions_per_picture"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is for branched batching; give batching.records_per_step")
        if batching.kind == "packed" and self.max_tokens > batching.tokens_per_pack:
            raise ValueError(
                f"max_tokens is {self.max_tokens}, more than a pack holds: tokens_per_pack is "
                f"{batching.tokens_per_pack}"
            )
        return self

    @property
    def task_names(self) -> tuple[str, ...]:
        """Tasks it is trained on; all when empty."""
        return tuple(self.tasks)

    @property
    def is_mixed(self) -> bool:
        """Whether it says what it is trained on, besides tasks."""
        return bool(self.data or self.replay)

    @property
    def looks_at_held_out(self) -> bool:
        """Whether anything is measured on records that are not trained on."""
        return self.eval_every_steps is not None or self.generate_every_steps is not None

    @property
    def items_per_step(self) -> int:
        """Pictures, or records, of a step over all processes."""
        batching = self.batching
        return self.pictures_per_step if batching.kind == "branched" else batching.records_per_step

    def summary(self) -> str:
        """One line for the plan."""
        return (
            f"{self.length} of {self._step_summary()}; "
            f"{', '.join(self.tasks) or 'all tasks'}; {self._data_summary()}{self.optimizer.kind}, "
            f"learning rate {self.learning_rate:g}; trains {', '.join(self.parts or ['all'])}"
        )

    def _data_summary(self) -> str:
        told = "; ".join(entry.summary() for entry in self.data)
        replayed = "" if self.replay is None else f"{self.replay.rate:.0%} replayed"
        return "".join(f"{part}; " for part in (told, replayed) if part)

    def _step_summary(self) -> str:
        match self.batching:
            case BranchedBatching():
                return f"{self.pictures_per_step} pictures x {self.questions_per_picture} questions"
            case PackedBatching() as packed:
                return f"{packed.records_per_step} records in packs of {packed.tokens_per_pack}"
            case PaddedBatching() as padded:
                return f"{padded.records_per_step} records in batches of {padded.records_per_batch}"
