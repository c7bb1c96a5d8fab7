"""Recipe options of curation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from roboloop.curate.base import Executor, Operator


class InlineEngine(BaseModel):
    """Processes on this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["inline"] = "inline"
    num_workers: int = Field(2, ge=1)
    """Processes; with 1 the work is done in this one."""

    def load(self) -> Executor:
        """The executor these options describe."""
        from roboloop.curate.inline import InlineExecutor

        return InlineExecutor(num_workers=self.num_workers)


class DaftEngine(BaseModel):
    """Daft, on this machine or on a Ray cluster; `pip install 'roboloop[daft]'` or `[ray]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["daft"] = "daft"
    num_workers: int = Field(2, ge=1)
    """Processes of one core each. A Ray cluster must have as many cores, or it waits for them."""
    runner: Literal["native", "ray"] = "native"
    """`native` works on this machine, `ray` on a Ray cluster. The run folder and the media must
    lie under the same paths on every node."""
    address: str | None = None
    """Of the Ray cluster, such as `auto` or `ray://head:10001`; a Ray on this machine is started
    when left out."""

    @model_validator(mode="after")
    def _address_is_of_ray(self) -> DaftEngine:
        if self.address is not None and self.runner != "ray":
            raise ValueError("`address` is of a Ray cluster: add `runner: ray`")
        return self

    def load(self) -> Executor:
        """The executor these options describe."""
        from roboloop.curate.daft import DaftExecutor

        return DaftExecutor(num_workers=self.num_workers, runner=self.runner, address=self.address)


EngineConfig = Annotated[InlineEngine | DaftEngine, Field(discriminator="kind")]


class CurateConfig(BaseModel):
    """Which operators, in which order, and who does the work."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    engine: EngineConfig = Field(default_factory=lambda: InlineEngine.model_validate({}))
    """Where the operators run; it does not change what they find."""
    splits: tuple[str, ...] = ("train",)
    """The splits that are curated; records of other splits are all kept."""
    operators: tuple[SerializeAsAny[Operator], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _operators_have_own_names(self) -> CurateConfig:
        labels = [operator.label for operator in self.operators]
        if doubled := sorted({label for label in labels if labels.count(label) > 1}):
            raise ValueError(f"two operators are called {doubled}: give one of them a `name`")
        return self

    @model_validator(mode="after")
    def _operators_stand_after_what_they_read(self) -> CurateConfig:
        earlier: set[str] = set()
        for operator in self.operators:
            if missing := sorted(set(operator.reads) - earlier):
                raise ValueError(f"{operator.label!r} needs an operator called {missing} before it")
            earlier.add(operator.label)
        return self
