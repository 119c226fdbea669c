"""Does a network that knows digits learn clothes sooner? LeNet from MNIST to 200 pictures of Fashion-MNIST.

`python -m studies.transfer` trains the source, then every arm with every seed, all for as many steps, and prints
a table; with `--write` it goes into docs/techniques.md. A seed draws the 200 pictures, the weights and the order.
Each arm's learning rate is the best of four, chosen on seeds that are not scored.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import unstuck
from studies.parts import put
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.spec import Recipe
from unstuck.study.statistics import subtract, t_interval

PAGE = Path(__file__).parent.parent / "docs" / "techniques.md"
ROWS, BATCH, EPOCHS = 200, 20, 20
SEEDS, CHOOSING = range(5), range(100, 102)
RATES = (0.003, 0.01, 0.03, 0.1)
NOTHING = "from nothing"
ARMS: Mapping[str, Mapping[str, object] | None] = {
    NOTHING: None,
    "freeze backbone": {"transfer.freeze": "backbone"},
    "unfreeze after half": {"transfer.unfreeze_after": EPOCHS // 2},
    "freeze none, rate 0.1": {"transfer.freeze": "none", "transfer.rate": 0.1},
    "freeze none, rate 1": {"transfer.freeze": "none", "transfer.rate": 1.0},
}


def base() -> Recipe:
    """The arm without transfer: LeNet on a few clothes, all of which are trained on."""
    data = {"name": "fashion-mnist", "rows": ROWS, "validation": 0.0}
    return Recipe.model_validate({"data": data, "model": "lenet", "batch_size": BATCH, "epochs": EPOCHS})


def accuracy(source: Path, arm: str, lr: float, seed: int) -> float:
    """Test accuracy in [0, 1] of one training."""
    changes = {"optimizer.lr": lr, "seed": seed, "data.seed": seed}
    if (transfer := ARMS[arm]) is not None:
        changes |= {"transfer.source": str(source), **transfer}
    run = unstuck.train(edited(base(), [Edit(path, to) for path, to in changes.items()]))
    return run.scores["test"]["accuracy"]


def measured(source: Path) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Each arm's learning rate, and its accuracies seed by seed."""
    rates, scores = {}, {}
    for arm in ARMS:
        tried = {lr: np.mean([accuracy(source, arm, lr, seed) for seed in CHOOSING]) for lr in RATES}
        rates[arm] = max(tried, key=lambda lr: tried[lr])
        scores[arm] = [accuracy(source, arm, rates[arm], seed) for seed in SEEDS]
        print(f"{arm}: rate {rates[arm]:g}, {np.mean(scores[arm]):.4f}", file=sys.stderr, flush=True)
    return rates, scores


def table(rates: Mapping[str, float], scores: Mapping[str, Sequence[float]]) -> str:
    """As Markdown: accuracy, and the difference to training from nothing, paired by seed."""
    lines = ["| arm | learning rate | test accuracy | against from nothing |", "|---|---:|---:|---:|"]
    for arm, values in scores.items():
        against = "" if arm == NOTHING else str(t_interval(subtract(values, scores[NOTHING])))
        lines.append(f"| {arm} | {rates[arm]:g} | {np.mean(values):.3f} | {against} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the table into docs/techniques.md")
    asked = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        run = unstuck.train(Recipe.model_validate({"data": "mnist", "model": "lenet", "epochs": 2}), out=source)
        rates, scores = measured(source)
    steps = EPOCHS * -(-ROWS // BATCH)
    note = (
        f"{len(SEEDS)} seeds, {steps} steps each; in brackets the 95 % interval (Student's t) of the difference, "
        f"paired by seed. The source's accuracy on MNIST: {run.scores['test']['accuracy']:.4f}. "
        f"The study took {time.perf_counter() - started:.0f} s."
    )
    said = f"{table(rates, scores)}\n\n{note}"
    print(said)
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(put(page, "transfer", said, study="transfer"), encoding="utf-8")


if __name__ == "__main__":
    main()
