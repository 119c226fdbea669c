"""A process that trains one member after the other, so that a crash takes one training with it and not a study.

It is told what to do by lines of JSON on its standard input, and answers in such lines:

    {"recipe": {…}}                      train it, unless its run is there already
    {"done": 40, "steps": 300}           now and then meanwhile
    {"key": "3f…", "is_new": true}       once its run is in the store
    {"misuse": "…"}                      if the recipe cannot be run

Whatever else is printed goes to standard error, so that the answers stay legible.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unstuck.errors import UnstuckError
from unstuck.recipe.problem import checked
from unstuck.recipe.spec import Recipe
from unstuck.study.member import Store, settled
from unstuck.study.shelf import Shelf

_PAUSE = 0.25  # seconds between two reports of how far a training is


def main(folder: str, weights: str) -> None:
    """Answer until standard input ends, or whoever writes there does."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    store, shelf, parent = Store(Path(folder), weights == "weights"), Shelf(places=1), os.getppid()
    last = 0.0

    def say(**answer: Any) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    def tell(done: int, steps: int) -> None:
        nonlocal last
        if os.getppid() != parent:
            sys.exit("the study has ended")
        if time.monotonic() - last > _PAUSE:
            last = time.monotonic()
            say(done=done, steps=steps)

    for recipe in _recipes():
        try:
            dataset = None if recipe.transfer else shelf.dataset(recipe)
            key, is_new = settled(recipe, dataset, store, tell)
        except UnstuckError as error:
            say(misuse=str(error))
        else:
            say(key=key, is_new=is_new)


def _recipes() -> Iterator[Recipe]:
    for line in sys.stdin:
        yield checked(Recipe, json.loads(line)["recipe"])


if __name__ == "__main__":
    main(*sys.argv[1:])
