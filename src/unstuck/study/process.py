"""The near end of a worker: a process that is started when it is first needed, and anew when it has crashed."""

import json
import subprocess
import sys
import tempfile
from typing import IO, Any

from unstuck.errors import RunError, UnstuckError
from unstuck.recipe.spec import Recipe
from unstuck.study.member import Store, Tell

_ATTEMPTS = 3  # at one training, before its crashes are no accident


class Crashed(Exception):  # noqa: N818  (a state of the process, never shown)
    """The process ended in the middle of a training."""


class Process:
    """Trains in another process what must not, or cannot, be trained in a thread of this one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._process: subprocess.Popen[str] | None = None
        self._said: IO[str] | None = None  # what it prints beside its answers
        self._is_over = False

    def settle(self, recipe: Recipe, tell: Tell) -> tuple[str, bool]:
        """As `member.settled` does. A training whose process ends is begun again, a few times."""
        last = ""
        for _ in range(_ATTEMPTS):
            try:
                return self._asked(recipe, tell)
            except Crashed:
                last = self._last_words()
                self.close()
                tell(0, 0)  # which raises where nobody waits any more
        raise RunError(f"its process ended {_ATTEMPTS} times: {last}")

    def _asked(self, recipe: Recipe, tell: Tell) -> tuple[str, bool]:
        if self._process is None:
            self._process = self._started()
            if self._is_over:  # said while it was started, to no process yet
                self._process.kill()
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        try:
            print(
                json.dumps({"recipe": recipe.model_dump(mode="json", exclude_none=True)}), file=asked, flush=True
            )
        except BrokenPipeError:
            raise Crashed from None
        for line in answers:
            answer: dict[str, Any] = json.loads(line)
            if "misuse" in answer:
                raise UnstuckError(answer["misuse"])
            if "key" in answer:
                return answer["key"], answer["is_new"]
            tell(answer["done"], answer["steps"])
        raise Crashed

    def _started(self) -> "subprocess.Popen[str]":
        """In a session of its own: Ctrl-C is for the study, which then ends it."""
        weights = "weights" if self._store.weights else "scores"
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed with the process)
        return subprocess.Popen(
            [sys.executable, "-m", "unstuck.study.worker", str(self._store.folder.resolve()), weights],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            start_new_session=True,
        )

    def _last_words(self) -> str:
        assert self._said is not None
        self._said.seek(0)
        lines = self._said.read().strip().splitlines()
        return lines[-1] if lines else "it was killed, as a system does that runs out of memory"

    def kill(self) -> None:
        """End it from another thread, wherever it stands, and any that is started after it."""
        self._is_over = True
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """End it, and let go of it."""
        if self._process is None:
            return
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:  # what it has not read any more
                    continue
        self._process.wait()
        if self._said is not None:
            self._said.close()
        self._process = None
