"""A program, not a test: a study that is killed at random moments, again and again, and then left to end.

Everything is imported and compiled once, and a child is forked for each life. Prints as JSON how many were killed,
which trainings they finished, one after the other, and the scores of every member, here and undisturbed.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

from unstuck.recipe.spec import Recipe
from unstuck.study.design import Study
from unstuck.study.runner import Runner
from unstuck.training.task import task_of_recipe

STUDY = Study(
    seeds=3,
    recipe=Recipe(data="wine", epochs=40),
    arms={"sgd": {"optimizer": "sgd"}, "wide": {"model.hidden": [64, 64]}, "same": {"batch_size": 32}},
)


def life(folder: Path, seed: int, longest: float) -> int:
    """How a child ended that ran the study and was killed at a moment that the seed draws, in seconds at most."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]

    def kill() -> None:
        time.sleep(random.Random(seed).uniform(0.0, longest))
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    study(folder)
    os._exit(0)


def study(folder: Path) -> dict[str, object]:
    """The scores of all members; a line in `trained` for each training that was finished."""
    folder.mkdir(parents=True, exist_ok=True)
    runner = Runner(STUDY.members(STUDY.recipes()), out=folder, workers=2)
    with (folder / "trained").open("a") as log:
        for update in runner:
            if update.key and update.is_new:
                print(update.key, file=log, flush=True)
    return {str(member): run.scores for member, run in runner.runs.items()}


def main(parent: Path, kills: int) -> None:
    task_of_recipe(STUDY.recipe).engine.prepare()
    started = time.perf_counter()
    whole = study(parent / "whole")
    longest = (time.perf_counter() - started) / 3  # so that several lives are needed
    ends = [life(parent / "killed", seed, longest) for seed in range(kills)]
    after = study(parent / "killed")
    said = {
        "killed": sum(os.WIFSIGNALED(end) for end in ends),
        "trained": (parent / "killed" / "trained").read_text().split(),
        "again": (parent / "whole" / "trained").read_text().split(),
        "kept": sorted(path.stem for path in (parent / "killed" / "members").glob("[!.]*")),
        "equal": after == whole,
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
