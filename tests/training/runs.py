"""Runs of recipes, written to folders; without torch, so that a process of its own starts at once."""

from pathlib import Path

from cases import images, recipe, table
from unstuck import files
from unstuck.recipe import file
from unstuck.training.folder import Folder
from unstuck.training.run import Run, conclude, seal
from unstuck.training.task import Task, task_of_recipe
from unstuck.training.training import Training

HELD_OUT = {"validation": 0.2, "test": 0.2}


def classes() -> Task:
    case = recipe(epochs=2, keep="auto", data={"name": "digits", **HELD_OUT})
    return task_of_recipe(case, images(**HELD_OUT))


def numbers() -> Task:
    case = recipe(epochs=2, keep="auto", data={"name": "digits", **HELD_OUT})
    return task_of_recipe(case, table(**HELD_OUT))


def through(training: Training) -> Run:
    """The run that a training becomes, its folder sealed."""
    for _ in training:
        pass
    run = conclude(training)
    seal(run)
    return run


def written(path: Path, task: Task) -> Run:
    """A run, trained and written to a new folder."""
    folder = Folder.create(path)
    if task.recipe:
        files.write(folder.recipe, file.dumps(task.recipe))
    return through(Training(task, folder))
