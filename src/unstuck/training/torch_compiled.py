"""A model's forward pass, and with it the way back, made by torch.compile; and what that took."""

import time
from typing import Any, cast

import torch
from torch import Tensor, nn

from unstuck.errors import ProgramError
from unstuck.network.torch_module import Dropout


class Compiled:
    """Calls the compiled model. The first call compiles, and counts."""

    def __init__(self, model: nn.Module) -> None:
        for part in model.modules():
            if isinstance(part, Dropout):  # its step is another number every time, and would be compiled anew
                cast(Any, part).forward = cast(Any, torch.compiler.disable)(part.forward)
        self.model = cast(Any, torch.compile(model))
        self.seconds: float | None = None
        self.graphs = self.breaks = 0

    def __call__(self, x: Tensor) -> Tensor:
        """x (B, …) → outputs; `ProgramError` where it cannot be compiled, such as without a C++ compiler."""
        if self.seconds is not None:
            return self.model(x)
        graphs, breaks = _counted()
        started = time.perf_counter()
        try:
            outputs = self.model(x)
        except _dynamo().exc.TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0]
            raise ProgramError(f"compile must be left out here: torch.compile said {reason}") from error
        self.seconds = time.perf_counter() - started
        self.graphs, self.breaks = (now - before for now, before in zip(_counted(), (graphs, breaks), strict=True))
        return outputs

    @property
    def note(self) -> str | None:
        """What was compiled, once it was."""
        if self.seconds is None:
            return None
        parts = f"{self.graphs} graph{'s' * (self.graphs != 1)}, {self.breaks} break{'s' * (self.breaks != 1)}"
        return f"torch.compile: {parts} between them, compiled in {self.seconds:.1f} s"


def _counted() -> tuple[int, int]:
    """Graphs and breaks that this process has seen so far."""
    counters = _dynamo().utils.counters
    return int(counters["stats"]["unique_graphs"]), int(sum(counters["graph_break"].values()))


def _dynamo() -> Any:
    """Where torch.compile keeps its errors and counts; loaded by its first use, which takes a second."""
    return cast(Any, torch)._dynamo
