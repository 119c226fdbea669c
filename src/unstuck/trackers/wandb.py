"""Weights & Biases, offline: nothing is sent; `wandb sync runs/wandb/offline-run-*` does that when it is typed."""

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Wandb:
    """An offline run NAME of the project `unstuck`, in FOLDER."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, str]) -> None:
        os.environ["WANDB_ERROR_REPORTING"] = "false"  # it calls home else, offline too
        wandb: Any = importlib.import_module("wandb")
        folder.parent.mkdir(parents=True, exist_ok=True)
        quiet = wandb.Settings(silent=True, console="off", disable_git=True, save_code=False, x_disable_stats=True)
        self._wandb: Any = wandb
        self._run: Any = wandb.init(
            project="unstuck",
            name=name,
            id=name,
            dir=str(folder.parent),
            config=dict(settings),
            mode="offline",
            settings=quiet,
        )

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """A metric each."""
        self._run.log(dict(values), step=step)

    def finish(self, scores: Mapping[str, float], pictures: Sequence[Path], stop: str) -> None:
        """Scores into the summary, figures as images."""
        self._run.summary.update({f"score/{name}": value for name, value in scores.items()} | {"stop": stop})
        self._run.log({path.stem: self._wandb.Image(str(path)) for path in pictures})
        self._run.finish()
