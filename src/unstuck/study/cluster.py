"""Members trained on a Ray cluster, for studies that outgrow a machine."""

import logging
import tempfile
from pathlib import Path
from typing import Any

from unstuck import files
from unstuck.errors import RunError, UnstuckError
from unstuck.extras import need
from unstuck.recipe.problem import checked
from unstuck.recipe.spec import Recipe
from unstuck.study.member import Store, Tell, settled

_RETRIES = 2  # of a training whose worker died
_PAUSE = 0.25  # seconds between two looks whether anybody still waits


class Cluster:
    """Ray's cluster: the one that RAY_ADDRESS names or that runs here, else one of this machine's processors.

    A recipe goes out as plain data and a run comes back as the content of its file, so that machines need no
    common disk; data that the recipe names by path must be there on each of them.
    """

    def __init__(self, store: Store) -> None:
        need("ray", "ray")
        import ray

        self._store, self._ray = store, ray
        if not ray.is_initialized():
            ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
        self._train: Any = ray.remote(num_cpus=1, max_retries=_RETRIES)(_content)

    def settle(self, recipe: Recipe, tell: Tell) -> tuple[str, bool]:
        """As `member.settled` does, but that the store is only here and nothing is told before the end."""
        told = recipe.model_dump(mode="json", exclude_none=True)
        waited = self._train.remote(told, self._store.weights)
        done: list[Any] = []
        while not done:
            tell(0, 0)
            done, _ = self._ray.wait([waited], timeout=_PAUSE)
        try:
            key, content, misuse = self._ray.get(waited)
        except self._ray.exceptions.RayError as error:
            said = " ".join(str(error).split())
            raise RunError(f"its worker on the cluster ended {1 + _RETRIES} times: {said[:200]}") from None
        if misuse:
            raise UnstuckError(misuse)
        files.write(self._store.folder / f"{key}.safetensors", content)
        return key, True


def _content(told: dict[str, Any], weights: bool) -> tuple[str, bytes, str]:
    """On the cluster: the key and the file of a recipe's run, or what is wrong with the recipe."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), weights)
        try:
            key, _ = settled(checked(Recipe, told), None, store, lambda done, steps: None)
        except UnstuckError as error:
            return "", b"", str(error)
        return key, (store.folder / f"{key}.safetensors").read_bytes(), ""
