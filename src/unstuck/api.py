"""What a user calls in Python. Each function puts layers together; the command line calls the same."""

from pathlib import Path

from unstuck import files
from unstuck.data import load as load_data
from unstuck.errors import RunError
from unstuck.recipe import file
from unstuck.recipe.spec import Recipe
from unstuck.report.figures import save_figures
from unstuck.training.folder import Folder
from unstuck.training.program import Program
from unstuck.training.run import Run, conclude, load, seal
from unstuck.training.task import Task, task_of_program, task_of_recipe
from unstuck.training.training import Training

__all__ = ["begin", "finish", "load", "resume", "train"]


def train(
    what: Recipe | Program,
    *,
    seed: int | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    threads: int = 1,
) -> Run:
    """Train a recipe or a program of your own, and score it.

    Args:
        what: a Recipe, or live PyTorch objects in a Program.
        seed: draws weights, order and dropout; nothing: the recipe's, or 0 for a program.
        out: a new folder for the run; nothing: it stays in memory.
        device: of a program: auto, cpu or cuda. A recipe says its own.
        threads: of the processor, for a program. A recipe says its own.

    A run that diverged or was interrupted is returned like any other: `run.stop` says so.
    """
    if isinstance(what, Recipe):
        task = task_of_recipe(what if seed is None else what.edit("seed", seed))
    else:
        task = task_of_program(what, seed=seed or 0, device=device, threads=threads)
    training = _started(task, Folder.create(Path(out)) if out is not None else None)
    for _ in training:
        pass
    return finish(training)


def begin(recipe: Recipe, *, out: Path | None) -> Training:
    """A training of a recipe, to iterate over; `out` is a new folder, nothing keeps the run in memory."""
    task = task_of_recipe(recipe)
    return _started(task, None if out is None else Folder.create(out))


def resume(path: str | Path) -> Training:
    """A training that goes on where its folder was left, to iterate over: same bits as if never stopped."""
    folder = Folder(Path(path))
    state = folder.read_state()
    if state["state"] == "finished":
        raise RunError(f"{path} is finished already. Type: unstuck evaluate {path}")
    if not folder.recipe.exists():
        raise RunError(f"{path} is of a program, whose code is not in the folder; only a recipe's run resumes.")
    recipe = file.read(Recipe, folder.recipe)
    dataset = load_data(recipe.data)
    if dataset.fingerprint != state["data"]:
        raise RunError(f"{path} was trained on other data: their fingerprint has changed, so it cannot go on.")
    return Training.resumed(task_of_recipe(recipe, dataset), folder)


def finish(training: Training, *, record: int = 19) -> Run:
    """The run, scored, drawn and declared whole; `record` is the training record whose outputs are drawn."""
    run = conclude(training)
    if run.folder and run.scores:
        save_figures(run, training.task.dataset, run.folder / "figures", record=record)
    seal(run)
    return run


def _started(task: Task, folder: Folder | None) -> Training:
    if folder and task.recipe and task.dataset:
        files.write(folder.recipe, file.dumps(task.recipe))
        folder.set_state("running", data=task.dataset.fingerprint)
    return Training(task, folder)
