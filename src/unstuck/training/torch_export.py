"""A trained network as one file for others to run: ONNX, or a program of torch.export.

Scaling, network, link and unit are one graph: raw inputs `x` (N, …) of any number of rows go in, probabilities
or numbers in their unit `y` come out, as `Run.probabilities` gives them.
"""

import copy
import io
import json
import logging
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unstuck import files
from unstuck.data import Scaling
from unstuck.errors import RunError
from unstuck.extras import need
from unstuck.network.build import LINKS
from unstuck.rng import stream
from unstuck.training.predictor import Predictor
from unstuck.training.run import Run
from unstuck.training.torch_engine import TorchEngine

# Beyond so many deviations between zero and an input's mean, float32 inputs would lose what the network sees.
_FAR = 1000.0

# What torch 2.13 says of its own code whenever it exports; anything else is worth hearing.
_KNOWN = (
    (FutureWarning, r"`isinstance\(treespec, LeafSpec\)` is deprecated"),
    (UserWarning, r"The tensor attributes? .*_flat_weights.* assigned during export"),  # of nn.LSTM and its kin
)
_QUIET = ("torch.onnx._internal.exporter._registration",)  # that torchvision is not there


class Whole(nn.Module):
    """From raw inputs to answers: scaling, network, link, unit."""

    shift: Tensor
    factor: Tensor
    target_shift: Tensor
    target_factor: Tensor

    def __init__(self, network: nn.Module, inputs: Scaling, targets: Scaling | None, link: str) -> None:
        super().__init__()
        self.network, self.link, self.has_unit = network, link, targets is not None
        is_far = bool((np.abs(inputs.shift * inputs.factor) > _FAR).any())
        self.dtype = torch.float64 if is_far else torch.float32
        for prefix, scaling in (("", inputs), ("target_", targets)):
            if scaling is not None:
                dtype = self.dtype if scaling is inputs else torch.float32
                self.register_buffer(f"{prefix}shift", torch.from_numpy(np.array(scaling.shift)).to(dtype))
                self.register_buffer(f"{prefix}factor", torch.from_numpy(np.array(scaling.factor)).to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, …) → (N, C) or (N, O)."""
        y = self.network(((x - self.shift) * self.factor).float().flatten(1))
        if self.link == "softmax":
            y = y.softmax(dim=1)
        elif self.link == "sigmoid":
            y = y.sigmoid()
        return y / self.target_factor + self.target_shift if self.has_unit else y


ENDINGS = {"onnx": ".onnx", "torch": ".pt2"}


def export(run: Run, path: Path, *, form: str) -> None:
    """Write the run's network to a new file, read it back, and compare its answers to the run's own."""
    if form not in ENDINGS:
        raise RunError(f"format must be onnx or torch, got {form!r}.")
    if path.suffix != ENDINGS[form]:
        raise RunError(f"{path} must end in {ENDINGS[form]}, as files of the format {form} do.")
    if path.exists():
        raise RunError(f"{path} exists already. Choose another --out, or remove it.")
    if form == "onnx":
        need("onnx", "onnx", "onnxscript", "onnxruntime")
    module, rows, answers = _parts(run)
    with _quiet():
        try:
            program = torch.export.export(
                module.eval().requires_grad_(False), (rows[:2],), dynamic_shapes=({0: torch.export.Dim("batch")},)
            )
            write = _write_onnx if form == "onnx" else _write_torch
            ask = write(program, path, _facts(run))
        except (RuntimeError, ValueError, TypeError, NotImplementedError, AssertionError, AttributeError) as error:
            said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise RunError(f"this network cannot be exported to {form}; torch said: {said}") from error
    _compare(ask(rows), answers, path)


def _parts(run: Run) -> tuple[nn.Module, Tensor, np.ndarray]:
    """What is exported, three rows for it, and what the run says of them."""
    predictor = run.predictor
    if isinstance(predictor, TorchEngine):  # of a program: its own inputs, its own outputs
        rows = predictor.rows.batch(torch.arange(3, device=predictor.device) % len(predictor.rows))[0].cpu()
        return copy.deepcopy(predictor.model).cpu(), rows, predictor.outputs(rows)
    if not isinstance(predictor, Predictor):
        raise RunError("the run's model is code of your own: export it from Python, where it was trained.")
    if predictor.facts.is_padded:
        raise RunError(
            "a network that reads sequences to their own ends cannot be exported: a graph has one length."
        )
    link = LINKS.get(predictor.recipe.loss.name, "identity")
    module = Whole(copy.deepcopy(predictor.module), predictor.inputs, predictor.targets, link)
    usual = stream(0, "probe").normal(size=(3, *predictor.facts.intake.shape))
    rows = torch.from_numpy(np.asarray(predictor.inputs.undo(usual))).to(module.dtype)
    return module, rows, predictor.outputs(rows.numpy())


def _facts(run: Run) -> Mapping[str, str]:
    """What the file says of itself."""
    said: dict[str, Any] = {"made_by": "unstuck"}
    if run.recipe and run.facts:
        classes = run.facts.classes
        said |= {"data": run.facts.name, "model": run.recipe.model.name, "classes": classes}
        said |= {"features": run.facts.intake.features}
        said["unit"] = "the target's own" if classes is None else "probability"
        if classes and run.recipe.model.output not in ("softmax", "sigmoid"):
            said["unit"] = "output"
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in said.items() if value}


Ask = Callable[[Tensor], np.ndarray]


def _write_onnx(program: torch.export.ExportedProgram, path: Path, facts: Mapping[str, str]) -> Ask:
    import onnxruntime  # of the extra [onnx]

    made = torch.onnx.export(program, input_names=["x"], output_names=["y"], verbose=False)
    assert made is not None
    made.model.metadata_props.update(facts)
    files.write(path, made.model_proto.SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda rows: np.asarray(session.run(["y"], {"x": rows.numpy()})[0])


def _write_torch(program: torch.export.ExportedProgram, path: Path, facts: Mapping[str, str]) -> Ask:
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={"unstuck.json": json.dumps(facts)})
    files.write(path, buffer.getvalue())
    module = torch.export.load(io.BytesIO(path.read_bytes())).module()
    return lambda rows: module(rows).detach().numpy()


def _compare(said: np.ndarray, answers: np.ndarray, path: Path) -> None:
    """Roundings aside, the file must say what the run says; what does not is removed."""
    scale = max(1.0, float(np.abs(answers).max()))
    if said.shape != answers.shape or not np.allclose(said, answers, rtol=1e-5, atol=1e-5 * scale):
        path.unlink()
        raise RunError(f"{path} was not kept: its answers differ from the run's by more than rounding.")


@contextmanager
def _quiet() -> Generator[None]:
    """Without what is known to be said; levels of loggers and filters of warnings are put back."""
    loggers = [logging.getLogger(name) for name in _QUIET]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        for kind, message in _KNOWN:
            warnings.filterwarnings("ignore", message, kind)
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
