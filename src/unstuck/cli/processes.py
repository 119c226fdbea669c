"""Several processes that torchrun started to train one model. The first does what is typed, the others follow."""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

# Verbs that train one model; any other is the first process's alone.
_TRAINING = ("train", "resume", "finetune")


def place() -> tuple[int, int]:
    """This process's number, and how many there are, by what torchrun says."""
    if "MASTER_ADDR" not in os.environ:
        return 0, 1
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def together() -> Generator[Callable[..., Any]]:
    """What makes a recipe live: in this process, or, where there are several, in all of them."""
    from unstuck.training.task import task_of_recipe

    rank, count = place()
    if count == 1:
        yield task_of_recipe
        return
    from unstuck.training.torch_parallel import joined

    with joined(rank, count) as team:
        yield team.live


def follow(arguments: Sequence[str]) -> int:
    """What a process does that is not the first; the exit code."""
    if arguments and arguments[0] in _TRAINING and not {"--help", "-h"} & {*arguments}:
        from unstuck.training import torch_parallel

        with torch_parallel.joined(*place()) as team:
            torch_parallel.follow(team)
    return 0
