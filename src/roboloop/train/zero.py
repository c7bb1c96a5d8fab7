"""ZeRO-1, 2 and 3 by DeepSpeed: its engine shares out states, gradients and weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from roboloop.base.errors import MissingDependencyError
from roboloop.models.moe.modeling_roboloop_moe import Experts
from roboloop.train.config import PhaseConfig
from roboloop.train.deepspeed_file import STAGES, zero_options
from roboloop.train.ranks import Ranks
from roboloop.train.strategies import Strategy, keep_whole

TAG = "deepspeed"


class Zero(Strategy):
    """Lets DeepSpeed's engine do forward, backward and step.

    Args:
        network: The model.
        ranks: The processes.
        config: The phase.
        in_bfloat16: Whether the forward pass computes in bfloat16.
    """

    def __init__(
        self, network: nn.Module, *, ranks: Ranks, config: PhaseConfig, in_bfloat16: bool
    ) -> None:
        super().__init__(network, ranks=ranks)
        self._config = config
        self._in_bfloat16 = in_bfloat16
        self._options = zero_options(config)
        self._deepspeed = _load_deepspeed(on_cpu=ranks.device.type == "cpu")
        self._engine: Any = None

    @property
    def layout(self) -> str:
        """As many processes have to read it as wrote it."""
        return f"zero{self._engine.zero_optimization_stage()} on {self.ranks.count} processes"

    def bind(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        """Hand model and optimizer to the engine."""
        (optimizer,) = optimizers
        # Gathered whole: processes that choose different experts would wait for one another.
        leaves = self._deepspeed.utils.set_z3_leaf_modules
        leaves(self.objective, [Experts], raise_if_not_found=False)
        settings: dict[str, Any] = {
            "train_micro_batch_size_per_gpu": 1,
            "gradient_accumulation_steps": 1,
            "gradient_clipping": self._config.clip_norm,
            "zero_optimization": self._options,
            "zero_allow_untested_optimizer": True,
            "zero_force_ds_cpu_optimizer": False,  # torch's steps on a CPU too, with every group
            "torch_autocast": {"enabled": self._in_bfloat16, "dtype": "bfloat16"},
            "steps_per_print": 10**9,
        }
        self._engine, *_ = self._deepspeed.initialize(
            model=self.objective, optimizer=optimizer, config=settings, dist_init_required=False
        )
        self._check_active()
        self.optimizers = optimizers

    def _check_active(self) -> None:
        """What was asked for is what DeepSpeed does."""
        engine, asked = self._engine, self._config
        stage = engine.zero_optimization_stage()
        assert stage == STAGES[asked.sharding], f"ZeRO stage {stage} is active"
        assert engine.zero_use_cpu_optimizer() == ("optimizer" in asked.offload)
        if stage == STAGES["zero3"]:
            host = "cpu" if "weights" in asked.offload else self.ranks.device.type
            shares: list[Any] = list(self.network.parameters())
            assert all(share.ds_tensor.device.type == host for share in shares)

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Through the engine."""
        return self._engine(tensors)

    def micro_batch(self, *, is_last: bool) -> AbstractContextManager[None]:
        """The engine has to know the last micro-batch of a step."""
        self._engine.set_gradient_accumulation_boundary(is_last)
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        """The engine averages over processes; times their number makes it the sum."""
        self._engine.backward(loss * self.ranks.count)

    def reduce(self) -> None:
        """Done on the way back."""

    def clip(self, max_norm: float) -> float:
        """The engine does it in its step, which tells the norm."""
        return 0.0

    def step(self) -> float:
        """The engine's step; the norm of the gradient before it was clipped."""
        self._engine.step()
        return float(self._engine.get_global_grad_norm())

    def drop_gradients(self) -> None:
        """The engine cannot."""
        raise AssertionError("steps are not skipped with DeepSpeed")

    def save(self, folder: Path) -> None:
        """In DeepSpeed's form; each process its share."""
        self._engine.save_checkpoint(str(folder), tag=TAG, save_latest=False)

    def load(self, folder: Path, *, layout: str) -> None:
        """In DeepSpeed's form."""
        assert layout == self.layout
        path, _ = self._engine.load_checkpoint(str(folder), tag=TAG)
        if path is None:
            raise KeyError("DeepSpeed finds no state of its own in it")

    def make_whole(self) -> None:
        """With ZeRO-3 the first process gathers them; else they are whole on all."""
        if self._config.sharding != "zero3":
            return

        def gather(parameter: Any) -> Tensor:
            with self._deepspeed.zero.GatheredParameters([parameter]):
                return parameter.detach().clone()

        keep_whole(self.network, gather=gather, keeps=self.ranks.is_first)
        self._engine.destroy()


def _load_deepspeed(*, on_cpu: bool) -> Any:
    if on_cpu:
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    try:
        import deepspeed  # pyright: ignore[reportMissingTypeStubs, reportMissingImports]
    except ImportError as error:
        raise MissingDependencyError(
            "deepspeed", purpose="sharding: zero*", extra="deepspeed"
        ) from error
    if on_cpu:
        # Without it DeepSpeed compiles a kernel of its own at the first start, for minutes.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed
