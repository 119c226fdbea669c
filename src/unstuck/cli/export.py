"""unstuck export."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def verb(
    run: str,
    /,
    *,
    format: Literal["onnx", "torch"] = "onnx",
    out: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
) -> int:
    """Write a run's network to one file, from raw inputs to probabilities, that needs no unstuck.

    Parameters
    ----------
    run
        The run's folder.
    format
        onnx, or torch: a program that torch.export.load reads.
    out
        A new file; else NAME.onnx or NAME.pt2 in the current folder.
    set_
        model=package.module:function again, where the model is code of your own; short: --model ….
    """
    from unstuck import api
    from unstuck.cli.source import only_model

    ending = {"onnx": ".onnx", "torch": ".pt2"}[format]
    loaded = api.load(run, model=only_model(set_ or []))
    path = api.export(loaded, out or f"{Path(run).resolve().name}{ending}", format=format)
    print(f"{path}: x, raw inputs as the data had them → y; read back, and its answers are the run's")
    return 0
