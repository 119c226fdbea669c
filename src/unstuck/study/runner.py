"""Trains the members of a study, several at once, none twice. Watching it is a `for`, stopping it is `break`."""

import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from queue import SimpleQueue
from typing import Literal, NamedTuple

from unstuck import files
from unstuck.data import Dataset
from unstuck.errors import RecipeError, UnstuckError
from unstuck.recipe.model import Own
from unstuck.recipe.spec import Recipe
from unstuck.study.cluster import Cluster, cluster
from unstuck.study.member import Member, Store, Tell, key_of, settled
from unstuck.study.pairing import Scored
from unstuck.study.process import Process
from unstuck.study.shelf import Shelf
from unstuck.training.resolve import resolve
from unstuck.training.run import Run

Where = Literal["here", "ray"]
_Known = tuple[Recipe, Dataset]
"""A recipe with nothing left open, and its data."""


class Update(NamedTuple):
    """How far a member is: so many steps, of how many; at the end with its key in the store."""

    member: Member
    done: int
    steps: int
    key: str | None = None
    is_new: bool = True
    """Whether it was trained now, and not found."""


def usual_workers() -> int:
    """One for each processor that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Runner:
    """Iterate over it to train; every member comes once with its key, in the order in which they are done.

    The compiled engine lets go of Python's lock: what it can train is trained in threads, which share the data
    and what is compiled. Everything else goes to a process for each thread, whose crash costs that training
    alone. Each run is kept as soon as it is there, so that a study that is killed goes on where it was.

    Args:
        members: in the order in which they are begun. Equal recipes are trained once.
        out: a folder that keeps their runs, and is looked into first; nothing: they are kept in memory alone.
        weights: whether the runs are wanted with their weights, to answer for new inputs.
        workers: how many are trained at once; nothing: one for each processor, here or of the cluster.
        where: here, in threads and processes, or on a Ray cluster.
        shelf: where data stand that are open already.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        out: Path | None = None,
        weights: bool = False,
        workers: int | None = None,
        where: Where = "here",
        shelf: Shelf | None = None,
    ) -> None:
        if workers is not None and workers < 1:
            raise RecipeError("workers", "be 1 or more", workers)
        self.members = members
        self.runs: dict[Member, Run] = {}
        self.keys: dict[Member, str] = {}
        self.trained, self.seconds = 0, 0.0
        self._out, self._weights, self._workers, self._where = out, weights, workers, where
        self.shelf = shelf or Shelf()
        self.shelf.keep(1 + (workers or usual_workers()))
        self._alike: dict[str, list[Member]] = {}
        for member in members:
            self._alike.setdefault(member.recipe.model_dump_json(), []).append(member)

    def check(self, *, judged: bool = True) -> None:
        """Raise what is wrong with an arm, before anything is trained; `judged` by rows that all hold out."""
        firsts: dict[str, Member] = {}
        for member in self.members:
            firsts.setdefault(member.arm, member)
        base: Scored | None = None
        for member in firsts.values():
            try:
                known = self._resolved(member.recipe)
                if judged:
                    scored = Scored.of(*(known or self._unresolved(member.recipe)))
                    base = base or scored
                    scored.check_pairs(base)
            except UnstuckError as error:
                raise _named(error, member) from None

    def _resolved(self, recipe: Recipe) -> _Known | None:
        """None where only its process can tell."""
        if recipe.transfer or isinstance(recipe.model, Own):
            return None
        dataset = self.shelf.dataset(recipe)
        return resolve(recipe, dataset)[0], dataset

    def _unresolved(self, recipe: Recipe) -> _Known:
        """The recipe as it is, and its data, scaled in the usual way where only a transfer's source can tell."""
        if recipe.data.scaling == "source":
            recipe = recipe.edit("data.scaling", "auto")
        return recipe, self.shelf.dataset(recipe)

    def __iter__(self) -> Iterator[Update]:
        started = time.perf_counter()
        with (
            _store(self._out, self._weights) as store,
            cluster() if self._where == "ray" else nullcontext() as far,
        ):
            workers = self._workers or (far.processors if far else usual_workers())
            crew = _Crew(self._settle_by(store, far), store, [*self._alike.values()], workers)
            try:
                while len(self.runs) < len(self.members):
                    update = crew.updates.get()
                    if isinstance(update, Future):
                        update.result()  # which raises what ended the thread
                        continue
                    if update.key is not None:
                        self.keys[update.member] = update.key
                        self.runs[update.member] = store.read(update.key)
                        self.trained += update.is_new
                        self.seconds = time.perf_counter() - started
                    yield update
            finally:
                crew.stop()

    def _settle_by(self, store: Store, far: Cluster | None) -> "Trainer":
        claims: dict[str, threading.Lock] = {}

        def train(recipe: Recipe, known: _Known | None, tell: Tell, process: Process) -> tuple[str, bool]:
            if far is not None:
                return far.settle(recipe, store, tell)
            if known and known[0].engine == "dense":
                return settled(recipe, known[1], store, tell)
            return process.settle(recipe, tell)

        def settle(recipe: Recipe, tell: Tell, process: Process) -> tuple[str, bool]:
            known = self._resolved(recipe)
            if known is None:
                return train(recipe, known, tell, process)
            key = key_of(*known)
            with claims.setdefault(key, threading.Lock()):  # two recipes may come to the same, once resolved
                return (key, False) if store.has(key) else train(recipe, known, tell, process)

        return settle


Trainer = Callable[[Recipe, Tell, Process], tuple[str, bool]]
"""Brings a recipe's run into the store, by a thread, its process or a cluster: its key, and whether it is new."""


@contextmanager
def _store(out: Path | None, weights: bool) -> Generator[Store]:
    """The folder of the runs: one that stays, or one for the meantime."""
    if out is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Store(Path(folder), weights)
    else:
        with files.said(out):
            (out / "members").mkdir(parents=True, exist_ok=True)
        yield Store(out / "members", weights)


class _Cancelled(Exception):
    """Ends a training that nobody waits for any more."""


class _Crew:
    """The threads at work, and what they have to tell."""

    def __init__(self, settle: Trainer, store: Store, groups: Sequence[Sequence[Member]], workers: int) -> None:
        self.updates: SimpleQueue[Update | Future[None]] = SimpleQueue()
        self._settle, self._waiting = settle, deque(groups)
        self._cancelled = threading.Event()
        self._processes = [Process(store) for _ in range(min(workers, len(groups)))]
        self._pool = ThreadPoolExecutor(len(self._processes))
        for process in self._processes:
            self._pool.submit(self._work, process).add_done_callback(self.updates.put)

    def stop(self) -> None:
        """Those under way end after their stretch, or are killed in their process, and no other begins."""
        self._cancelled.set()
        for process in self._processes:
            process.kill()
        self._pool.shutdown()

    def _work(self, process: Process) -> None:
        try:
            while group := self._next():
                for update in self._done(group, process):
                    self.updates.put(update)
        finally:
            process.close()

    def _next(self) -> Sequence[Member]:
        try:
            return () if self._cancelled.is_set() else self._waiting.popleft()
        except IndexError:
            return ()

    def _done(self, group: Sequence[Member], process: Process) -> Generator[Update]:
        first, steps = group[0], 0

        def tell(done: int, of: int) -> None:
            nonlocal steps
            steps = of
            if self._cancelled.is_set():
                raise _Cancelled
            self.updates.put(Update(first, done, of))

        try:
            key, is_new = self._settle(first.recipe, tell, process)
        except UnstuckError as error:
            raise _named(error, first) from None
        for member in group:
            yield Update(member, steps, steps, key, is_new and member is first)


def _named(error: UnstuckError, member: Member) -> UnstuckError:
    """The same error, saying which arm it is of."""
    where = f"arm {member.arm!r}"
    return error.at(where) if isinstance(error, RecipeError) else type(error)(f"{where}: {error}")
