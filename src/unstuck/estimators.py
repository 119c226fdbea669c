"""Training as scikit-learn has it: a classifier and a regressor for its pipelines and searches.

They train in memory, by the same path as `unstuck.train`. All rows that `fit` is given are trained on, as
scikit-learn's users expect: its searches hold rows out themselves. `validation=0.1` holds out some to keep
the best weights by.
"""

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from unstuck.data.loading import arrange
from unstuck.data.source import Pairs, Source
from unstuck.engine import StopReason
from unstuck.errors import RecipeError, did_you_mean
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.spec import Recipe
from unstuck.training.run import Run, conclude
from unstuck.training.task import task_of_recipe
from unstuck.training.training import Training

# Keys of a recipe that are parameters by their own name; the rest goes through `recipe`.
_KEYS = ("model", "loss", "optimizer", "schedule", "epochs", "batch_size", "engine", "device")

_validated: Any = validate_data  # scikit-learn says its types in parts: this one would be "str or array"


class AbstractEstimator(BaseEstimator):
    """What classifier and regressor share: parameters, and the way from rows to a run.

    Any key of a recipe can be set, by `recipe={"model.hidden": [64]}`, or, as searches do it, by
    `set_params(model__hidden=[64])`, which writes it there.
    """

    run_: Run
    n_features_in_: int

    def __init__(
        self,
        *,
        model: str | Mapping[str, Any] | None = None,
        module: Any = None,
        loss: str | Mapping[str, Any] | None = None,
        optimizer: str | Mapping[str, Any] | None = None,
        schedule: str | Mapping[str, Any] | None = None,
        epochs: int = 100,
        batch_size: int | None = None,
        engine: str | None = None,
        device: str | None = None,
        validation: float = 0.0,
        patience: int | None = None,
        shape: Sequence[int] | None = None,
        random_state: int | np.random.RandomState | None = None,
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        """Nothing is checked or made before `fit`. Whatever is None is the recipe's own default.

        Args:
            model: kind of network, `"mlp"`, or a table, `{"name": "mlp", "hidden": [64]}`.
            module: your own in its place: an nn.Module, of which every fit trains a copy, or what returns one,
                called with shape=(…) and outputs=… if it has arguments of these names. Classes need logits.
            loss: what is minimized; likewise optimizer and schedule.
            optimizer: how the weights move.
            schedule: the factor of the learning rate over the training.
            epochs: times that every row is seen, at most.
            batch_size: rows per step.
            engine: dense or torch.
            device: cpu or cuda.
            validation: share of the rows held out; the weights that do best on them are kept.
            patience: epochs in a row without improvement on those rows that end the training.
            shape: of one row, where X is flat: (28, 28) makes pictures of 784 columns.
            random_state: draws weights, order, dropout and rows held out.
            recipe: any key of a recipe with its value; counts for more than the parameters above.
        """
        self.model = model
        self.module = module
        self.loss = loss
        self.optimizer = optimizer
        self.schedule = schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.engine = engine
        self.device = device
        self.validation = validation
        self.patience = patience
        self.shape = shape
        self.random_state = random_state
        self.recipe = recipe

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; deep: the keys in `recipe` too, `model.hidden` as `model__hidden`."""
        params: dict[str, Any] = super().get_params(deep=False)
        keys = self.recipe if deep and isinstance(self.recipe, Mapping) else {}
        return params | {key.replace(".", "__"): value for key, value in keys.items() if "." in key}

    def set_params(self, **params: Any) -> Self:
        """Parameters by name; one with `__` is a recipe's key, its dots written so, and goes into `recipe`."""
        keys = {name: params.pop(name) for name in [*params] if "__" in name}
        for name in keys:
            part = name.split("__")[0]
            if part not in Recipe.model_fields:
                raise RecipeError(
                    name, "begin with a recipe's part", part, hint=did_you_mean(part, Recipe.model_fields)
                )
        super().set_params(**params)
        if keys:
            self.recipe = {**(self.recipe or {}), **{name.replace("__", "."): to for name, to in keys.items()}}
        return self

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def as_recipe(self, seed: int) -> Recipe:
        """What `fit` would train; raises what is wrong with the parameters."""
        given: dict[str, Any] = {name: getattr(self, name) for name in _KEYS}
        if self.module is not None:
            given["model"] = {"name": "own", "function": "module:given"}
        table = {name: _plain(value) for name, value in given.items() if value is not None}
        table["data"] = {"name": "X", "validation": self.validation, "test": 0.0, "seed": seed}
        table["stopping"] = {"patience": self.patience}
        recipe = edited(
            Recipe(seed=seed, **table), [Edit(key, _plain(to)) for key, to in (self.recipe or {}).items()]
        )
        if recipe.model.name == "autoencoder":
            hint = "An autoencoder's targets are its inputs: unstuck.train takes it."
            raise RecipeError("model.name", "be a network that learns y", recipe.model.name, hint=hint)
        return recipe

    def _rows(self, x: np.ndarray) -> np.ndarray:
        """Checked rows as networks of a shape take them: bytes stay bytes, other whole numbers become floats."""
        x = x if x.dtype == np.uint8 or x.dtype.kind == "f" else x.astype(np.float64)
        return x if self.shape is None else x.reshape(len(x), *self.shape)

    def _train(self, x: np.ndarray, y: np.ndarray, classes: tuple[str, ...] | None) -> None:
        """Leaves `run_`."""
        features = getattr(self, "feature_names_in_", None)
        x = self._rows(x)
        source = Source(
            name="X",
            train=Pairs(x, y),
            classes=classes,
            features=tuple(features) if features is not None and x.ndim == 2 else None,
        )
        recipe = self.as_recipe(_seed(self.random_state))
        training = Training(task_of_recipe(recipe, arrange(source, recipe.data), make=_maker(self.module)))
        for _ in training:
            pass
        run = conclude(training)
        if run.stop.reason is StopReason.INTERRUPTED:
            raise KeyboardInterrupt
        if run.stop.reason is StopReason.NOT_FINITE:
            said = f"The loss was not finite in epoch {run.stop.epoch + 1}; the weights are those before"
            warnings.warn(f"{said}. Try a lower learning rate.", ConvergenceWarning, stacklevel=3)
        self.run_ = run
        self.n_iter_ = len(run.record.get("epoch", ()))

    def _outputs(self, X: Any) -> np.ndarray:
        """What the network says of new rows, (N, classes) or (N, targets)."""
        check_is_fitted(self)
        return self.run_.probabilities(self._rows(_validated(self, X, reset=False, allow_nd=True)))


def _gives_probabilities(estimator: "UnstuckClassifier") -> bool:
    recipe = estimator.as_recipe(0)
    return recipe.loss.name in ("auto", "cross-entropy", "bce") or recipe.model.output in ("softmax", "sigmoid")


class UnstuckClassifier(ClassifierMixin, AbstractEstimator):
    """A neural network that tells classes apart, for scikit-learn's pipelines and searches."""

    classes_: np.ndarray

    def fit(self, X: Any, y: Any) -> Self:
        """Train on rows X (N, …) and the class of each, y (N,), numbers or words."""
        x, y = _validated(self, X, y, allow_nd=True, ensure_min_samples=2)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        self._train(x, numbers.astype(np.int64), tuple(map(str, self.classes_)))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row, (N,)."""
        outputs = self._outputs(X)
        return self.classes_[outputs.argmax(axis=1)]

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (N, classes), for losses that make outputs probabilities."""
        outputs = self._outputs(X)
        return outputs / outputs.sum(axis=1, keepdims=True)  # the sigmoids of bce stand alone


class UnstuckRegressor(RegressorMixin, AbstractEstimator):
    """A neural network that predicts numbers, for scikit-learn's pipelines and searches."""

    def fit(self, X: Any, y: Any) -> Self:
        """Train on rows X (N, …) and their numbers, y (N,) or (N, targets)."""
        x, y = _validated(self, X, y, allow_nd=True, ensure_min_samples=2, multi_output=True, y_numeric=True)
        self._is_flat = y.ndim == 1
        self._train(x, y.reshape(len(y), -1).astype(np.float64), None)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The numbers of each row: (N,) float32, as networks compute, or (N, targets), which scikit-learn
        wants in float64; whichever `fit` was given.
        """
        outputs = self._outputs(X)
        return outputs.ravel() if self._is_flat else outputs.astype(np.float64)

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _seed(random_state: Any) -> int:
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _maker(module: Any) -> Callable[..., Any] | None:
    """What makes a new module: the callable given, or what copies the module given."""
    is_made = not isinstance(module, type) and hasattr(module, "state_dict")
    return partial(copy.deepcopy, module) if is_made else module


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays, which searches are given, as Python's: recipes are exact in their types."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return {key: _plain(inner) for key, inner in value.items()} if isinstance(value, Mapping) else value
