"""Trains the members of a study, several at once, and none twice. Watching it is a `for`, stopping it is `break`."""

import os
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from queue import SimpleQueue
from typing import NamedTuple

from unstuck.data import Dataset
from unstuck.errors import RecipeError, UnstuckError
from unstuck.recipe.model import Own
from unstuck.recipe.spec import Recipe
from unstuck.study.member import Member, Settle, Store, Tell, key_of, settled
from unstuck.study.process import Process
from unstuck.study.shelf import Shelf
from unstuck.training.resolve import resolve


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
        store: where their runs are kept, and looked for first.
        workers: how many are trained at once.
        settle: trains elsewhere, on a cluster, instead of here.
    """

    def __init__(
        self, members: Sequence[Member], store: Store, *, workers: int, settle: Settle | None = None
    ) -> None:
        self.members, self.store, self.workers = members, store, workers
        self._settle = settle
        self._shelf = Shelf(places=workers + 1)
        self._alike: dict[str, list[Member]] = {}
        for member in members:
            self._alike.setdefault(member.recipe.model_dump_json(), []).append(member)

    def check(self) -> None:
        """Raise what is wrong with an arm, before anything is trained."""
        for member in {member.arm: member for member in reversed(self.members)}.values():
            try:
                self._resolved(member.recipe)
            except UnstuckError as error:
                raise _named(error, member) from None

    def _resolved(self, recipe: Recipe) -> tuple[Recipe, Dataset] | None:
        """The recipe with nothing left open, and its data; None where only its process can tell."""
        if recipe.transfer or isinstance(recipe.model, Own):
            return None
        dataset = self._shelf.dataset(recipe)
        return resolve(recipe, dataset)[0], dataset

    def __iter__(self) -> Iterator[Update]:
        crew = _Crew(self, [*self._alike.values()])
        left = len(self.members)
        crew.start()
        try:
            while left:
                update = crew.updates.get()
                if isinstance(update, BaseException):
                    raise update
                left -= update.key is not None
                yield update
        finally:
            crew.stop()

    def settled(self, recipe: Recipe, tell: Tell, process: Process) -> tuple[str, bool]:
        """The recipe's run brought into the store, by whatever trains it: its key, and whether it is new."""
        known = self._resolved(recipe)
        if known and self.store.has(key := key_of(*known)):
            return key, False
        if self._settle is not None:
            return self._settle(recipe, tell)
        if known and known[0].engine == "dense":
            return settled(recipe, known[1], self.store, tell)
        return process.settle(recipe, tell)


class _Cancelled(BaseException):
    """Ends a training that nobody waits for any more."""


class _Crew:
    """The threads at work, and what they have to tell."""

    def __init__(self, runner: Runner, groups: Sequence[Sequence[Member]]) -> None:
        self.updates: SimpleQueue[Update | BaseException] = SimpleQueue()
        self._runner, self._waiting = runner, deque(groups)
        self._cancelled = threading.Event()
        count = min(runner.workers, len(groups))
        self._processes = [Process(runner.store) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._work, args=(process,), daemon=True) for process in self._processes
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Those under way end after their stretch, or are killed in their process, and no other begins."""
        self._cancelled.set()
        for process in self._processes:
            process.kill()
        for thread in self._threads:
            thread.join()

    def _work(self, process: Process) -> None:
        try:
            while group := self._next():
                for update in self._done(group, process):
                    self.updates.put(update)
        except _Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001  (raised again where the study is watched)
            self.updates.put(error)
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
            key, is_new = self._runner.settled(first.recipe, tell, process)
        except UnstuckError as error:
            raise _named(error, first) from None
        for member in group:
            yield Update(member, steps, steps, key, is_new and member is first)


def _named(error: UnstuckError, member: Member) -> UnstuckError:
    """The same error, saying which arm it is of."""
    where = f"arm {member.arm!r}"
    return error.at(where) if isinstance(error, RecipeError) else type(error)(f"{where}: {error}")
