"""Data sets that several members share: read once, and the last few at hand."""

import threading
from collections import OrderedDict
from concurrent.futures import Future

from unstuck.data import Dataset
from unstuck.data.loading import arrange, as_learned, open_source
from unstuck.data.source import Source
from unstuck.errors import UnstuckError
from unstuck.recipe.data import Data
from unstuck.recipe.spec import Recipe

# What says how a source is split and scaled, not what it is.
_ARRANGED_BY = {"validation", "test", "rows", "scaling", "target_scaling", "seed", "fold", "bootstrap"}


class Shelf:
    """Loads what recipes name. Several threads may ask at once; each data set is made by one of them."""

    def __init__(self, *, places: int = 1) -> None:
        self._lock = threading.RLock()
        self._sources: dict[str, Source] = {}
        self._datasets: OrderedDict[str, Future[Dataset]] = OrderedDict()
        self._places = places

    def keep(self, places: int) -> None:
        """Keep so many data sets at hand."""
        self._places = places

    def dataset(self, recipe: Recipe) -> Dataset:
        """The data as the recipe's network learns them, as `load_for` gives them."""
        learns_itself = recipe.model.name == "autoencoder"
        name = f"{learns_itself} {recipe.data.model_dump_json()}"
        with self._lock:
            is_new = name not in self._datasets
            if is_new:
                self._datasets[name] = Future()
            made = self._datasets[name]
            self._datasets.move_to_end(name)
            while len(self._datasets) > self._places:
                self._datasets.popitem(last=False)
        if is_new:  # other threads may make other data meanwhile
            try:
                made.set_result(as_learned(arrange(self.source(recipe.data), recipe.data), recipe))
            except UnstuckError as error:
                made.set_exception(error)
            finally:
                made.cancel()  # so that nobody waits for what will not come
        return made.result()

    def source(self, data: Data) -> Source:
        """The data as they were found, which many recipes may have in common."""
        drawn_by = {"seed"} if data.path is None else set[str]()  # of the sets that are generated
        name = data.model_dump_json(exclude=_ARRANGED_BY - drawn_by)
        with self._lock:
            if name not in self._sources:
                self._sources[name] = open_source(data)
            return self._sources[name]
