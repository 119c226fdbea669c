"""A program, not a test: runs that are killed at random moments and resumed, again and again, until they are done.

Everything is imported once, and a child is forked for each life: it begins or resumes a run, and is killed soon
after, while it reads, trains or writes. Prints how many were killed, and how many of them in writing a checkpoint.
Folder `whole` has the run that was never stopped, folders 0, 1, … those that were.
"""

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import torch  # noqa: E402  (its own imports need the path above)
from runs import written  # noqa: E402  (likewise)
from torch import nn  # noqa: E402  (likewise)

from cases import images, recipe  # noqa: E402  (likewise)
from unstuck.dense.engine import DenseEngine  # noqa: E402  (likewise)
from unstuck.training import training as module  # noqa: E402  (likewise)
from unstuck.training.folder import Folder  # noqa: E402  (likewise)
from unstuck.training.program import Program  # noqa: E402  (likewise)
from unstuck.training.run import conclude, seal  # noqa: E402  (likewise)
from unstuck.training.task import Task, task_of_program, task_of_recipe  # noqa: E402  (likewise)
from unstuck.training.training import Training  # noqa: E402  (likewise)

HELD_OUT = {"validation": 0.2, "test": 0.2}
# A life lasts for so many stretches at most, and so many seconds more, twice; and by so many a flush is slowed.
_STRETCHES, _MORE, _SLOW = 5, 0.03, 0.0005


def dense() -> Task:
    data = {"name": "digits", **HELD_OUT}
    never = {"min_improvement": 100.0}  # so much is no epoch better: the rate falls at each, until training stops
    waiting = {"schedule": {"name": "plateau", "patience": 0, "factor": 0.9, **never}}
    waiting["stopping"] = {"patience": 8, **never}
    case = recipe(engine="dense", epochs=10, data=data, keep="best", **waiting)
    return task_of_recipe(case, images(**HELD_OUT))


def on_torch() -> Task:
    """With dropout, so that there is a random stream to go on with."""
    model = {"hidden": [16, 12], "dropout": 0.3, "normalization": "layer"}
    case = recipe(engine="torch", model=model, epochs=6, data={"name": "digits", **HELD_OUT}, keep="best")
    return task_of_recipe(case, images(**HELD_OUT))


def program() -> Task:
    """With batch normalization, whose statistics are no parameters, and rows that are augmented at random."""
    data = images(**HELD_OUT)
    x, y = torch.from_numpy(data.train.x).float() / 255, torch.from_numpy(data.train.y)

    class Noisy(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 160

        def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
            return x[row] + random.gauss(0, 0.1) * torch.rand(24), y[row]

    return task_of_program(
        Program(
            model=lambda: nn.Sequential(nn.Linear(24, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 4)),
            train=Noisy(),
            validation=(x[160:], y[160:]),
            loss=nn.CrossEntropyLoss(),
            optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=0.01),
            schedule=lambda step: 0.99**step,
            batch_size=16,
            epochs=6,
        )
    )


def main(parent: Path, name: str, kills: int) -> str:
    make = {"dense": dense, "torch": on_torch, "program": program}[name]
    torch.set_num_threads(1)
    engine = make().engine
    if isinstance(engine, DenseEngine):
        engine.prepare()  # loaded once, for all children
    module._LATEST = 0.0  # a checkpoint after every stretch
    written(parent / "whole", make())
    flush = os.fsync

    def slowly(descriptor: int) -> None:
        time.sleep(_SLOW)
        flush(descriptor)

    os.fsync = slowly
    draw, killed, halves, run = random.Random(0), 0, 0, parent / "0"
    while killed < kills or not is_finished(run):
        if is_finished(run):
            run = parent / str(int(run.name) + 1)
        if life(run, make, draw if killed < kills else None):
            killed += 1
            halves += any(run.glob("checkpoints/.step-*"))
    return f"{killed} {halves}"


def is_finished(run: Path) -> bool:
    return (run / "run.json").exists() and Folder(run).read_state()["state"] == "finished"


def life(run: Path, make: Callable[[], Task], draw: random.Random | None) -> bool:
    """Begin or resume the run in a child, and whether it was killed before its end."""
    ear, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ear)
        train(run, make(), mouth)
        os._exit(0)
    os.close(mouth)
    if draw is not None:
        for _ in range(draw.randint(0, _STRETCHES)):
            os.read(ear, 1)  # at once, when it is over
        time.sleep(draw.uniform(0, _MORE))
        if draw.random() < 0.5:  # in writing, if it still writes
            until = time.monotonic() + _MORE
            while not any(run.glob("checkpoints/.step-*")) and time.monotonic() < until:
                pass
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os.close(ear)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a life ended by an error")
    return os.WIFSIGNALED(status)


def train(run: Path, task: Task, mouth: int) -> None:
    if list(run.glob("checkpoints/step-*")):
        training = Training.resumed(task, Folder(run))
        if training.notice:
            raise SystemExit(training.notice)
    else:
        shutil.rmtree(run, ignore_errors=True)
        training = Training(task, Folder.create(run))
    for _ in training:
        os.write(mouth, b".")
    seal(conclude(training))


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
