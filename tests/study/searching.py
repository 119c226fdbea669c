"""A program, not a test: searches into the folder given, and says after each trial which it was.

Also what `test_search` searches, so that both mean the same.
"""

import sys
from pathlib import Path

from unstuck.recipe.spec import Recipe
from unstuck.study.search import Search
from unstuck.study.space import flag

RECIPE = Recipe(data="iris", epochs=5, batch_size=16, model={"hidden": [8]}, optimizer={"name": "sgd", "lr": 1e-5})
SPACE = dict([flag("optimizer.lr=1e-5..10:log"), flag("model.hidden=[4],[8],[8, 8]"), flag("batch_size=8..32")])


def search(out: str | Path | None = None, **changes: object) -> Search:
    recipe, space = changes.pop("recipe", RECIPE), changes.pop("space", SPACE)
    return Search(recipe, space, out=out, **{"trials": 12, **changes})


if __name__ == "__main__":
    for trial in search(sys.argv[1]):
        print(trial.number, flush=True)
