"""The contestants. Each module has `prepare(task)`, which returns `run(steps)`.

`prepare` is free of charge: it may convert, copy and build what it likes. `run` is timed: it trains the first
steps of the task's order from the task's initial weights, however often it was called before, and returns
each step's loss, (steps,), or their mean, (1,), where that is all that there is to see.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A contestant: what it is called, where it is written, which installed packages it is made of."""

    title: str
    module: str
    packages: tuple[str, ...]


PEERS = {
    "dense": Peer(title="unstuck, dense engine", module="unstuck_dense", packages=("unstuck", "numba", "scipy")),
    "torch": Peer(title="unstuck, torch engine", module="unstuck_torch", packages=("unstuck", "torch")),
    "jax": Peer(title="JAX, scan of the steps", module="jax_scan", packages=("jax", "jaxlib")),
    "resident": Peer(title="PyTorch, resident tensors", module="resident", packages=("torch",)),
    "tutorial": Peer(title="PyTorch, tutorial loop", module="tutorial", packages=("torch", "pillow")),
    "sklearn": Peer(title="scikit-learn MLPClassifier", module="sklearn_mlp", packages=("scikit-learn",)),
    "lightning": Peer(title="PyTorch Lightning", module="lightning_fit", packages=("pytorch-lightning",)),
    "skorch": Peer(title="skorch", module="skorch_fit", packages=("skorch",)),
    "keras": Peer(title="Keras 3 on torch", module="keras_fit", packages=("keras",)),
}
