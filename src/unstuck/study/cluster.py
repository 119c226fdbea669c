"""Members trained on a Ray cluster, for studies that outgrow a machine."""

import logging
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
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
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}


class Cluster:
    """A Ray cluster. `cluster` makes one.

    A recipe goes out as plain data and a run comes back as the content of its file, so that machines need no
    common disk; data that the recipe names by path must be there on each of them.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._train: Any = ray.remote(num_cpus=1, max_retries=_RETRIES)(_content)

    @property
    def processors(self) -> int:
        """Of all its machines: so many trainings go on at once."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def settle(self, recipe: Recipe, store: Store, tell: Tell) -> tuple[str, bool]:
        """As `member.settled` does, but that the store is only here and nothing is told before the end."""
        told = recipe.model_dump(mode="json", exclude_none=True)
        asked = self._train.remote(told, store.weights)
        done: list[Any] = []
        while not done:
            tell(0, 0)
            done, _ = self._ray.wait([asked], timeout=_PAUSE)
        try:
            key, content, misuse = self._ray.get(asked)
        except self._ray.exceptions.RayError as error:
            said = " ".join(str(error).split())
            raise RunError(f"its worker on the cluster ended {1 + _RETRIES} times: {said[:200]}") from None
        if misuse:
            raise UnstuckError(misuse)
        files.write(store.folder / f"{key}.safetensors", content)
        return key, True


@contextmanager
def cluster() -> Generator[Cluster]:
    """The cluster that RAY_ADDRESS names or that runs on this machine; if there is none, one for the meantime.

    That one listens on the loopback alone.
    """
    need("ray", "ray")
    import ray

    is_ours = not ray.is_initialized()
    if is_ours:
        try:
            ray.init(address="auto", **_QUIET)
        except ConnectionError:
            ray.init(address="local", include_dashboard=False, _node_ip_address="127.0.0.1", **_QUIET)
    try:
        yield Cluster(ray)
    finally:
        if is_ours:
            ray.shutdown()


def _content(told: dict[str, Any], weights: bool) -> tuple[str, bytes, str]:
    """On the cluster: the key and the file of a recipe's run, or what is wrong with the recipe."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), weights)
        try:
            key, _ = settled(checked(Recipe, told), None, store, lambda done, steps: None)
        except UnstuckError as error:
            return "", b"", str(error)
        return key, (store.folder / f"{key}.safetensors").read_bytes(), ""
