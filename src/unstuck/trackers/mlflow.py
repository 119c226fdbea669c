"""MLflow: a store in a file, `mlflow ui --backend-store-uri sqlite:///runs/mlflow/mlflow.db` shows it."""

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_STATUS = {"INTERRUPTED": "KILLED", "NOT_FINITE": "FAILED"}


class Mlflow:
    """A run NAME of the experiment `unstuck` in the store FOLDER; one that was interrupted goes on.

    The store is named to the client, so that whatever server the environment names is not asked.
    """

    def __init__(self, folder: Path, name: str, settings: Mapping[str, str]) -> None:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # it calls home else
        mlflow: Any = importlib.import_module("mlflow")
        folder.mkdir(parents=True, exist_ok=True)
        self._client: Any = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
        found = self._client.get_experiment_by_name("unstuck")
        experiment = found.experiment_id if found else self._created(folder)
        self._run = self._begun(experiment, name)
        for key, value in settings.items():
            self._client.log_param(self._run, key, value)
        self._step = 0

    def _created(self, folder: Path) -> str:
        return self._client.create_experiment("unstuck", artifact_location=(folder / "artifacts").as_uri())

    def _begun(self, experiment: str, name: str) -> str:
        for run in self._client.search_runs([experiment], f"attributes.run_name = '{name}'"):
            if run.info.status != "FINISHED":
                self._client.update_run(run.info.run_id, status="RUNNING")
                return run.info.run_id
        return self._client.create_run(experiment, run_name=name).info.run_id

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """A metric each."""
        self._step = max(self._step, step)
        for name, value in values.items():
            self._client.log_metric(self._run, name, value, step=step)

    def finish(self, scores: Mapping[str, float], pictures: Sequence[Path], stop: str) -> None:
        """Scores as metrics, figures as artifacts."""
        self.numbers({f"score/{name}": value for name, value in scores.items()}, self._step)
        for path in pictures:
            self._client.log_artifact(self._run, str(path), "figures")
        self._client.set_terminated(self._run, _STATUS.get(stop, "FINISHED"))
