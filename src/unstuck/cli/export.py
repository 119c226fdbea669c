"""unstuck export."""

from pathlib import Path
from typing import Literal


def verb(run: str, /, *, format: Literal["onnx", "torch"] = "onnx", out: str | None = None) -> int:
    """Write a run's network to one file, from raw inputs to probabilities, that needs no unstuck.

    Parameters
    ----------
    run
        The run's folder.
    format
        onnx, or torch: a program that torch.export.load reads.
    out
        A new file; else NAME.onnx or NAME.pt2 in the current folder.
    """
    from unstuck import api

    ending = {"onnx": ".onnx", "torch": ".pt2"}[format]
    path = api.export(run, out or f"{Path(run).resolve().name}{ending}", format=format)
    print(f"{path}: x, raw inputs as the data had them → y; read back, and its answers are the run's")
    return 0
