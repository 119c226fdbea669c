"""A forest and a linear model that fit in a second, for what rows tell about their targets at least."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from unstuck.data import folds
from unstuck.evidence.sample import Sample, flat, has_tokens
from unstuck.recipe.data import Fold
from unstuck.rng import stream

FOLDS = 3
_MOST_FEATURES = 1024  # that models are given, drawn where there are more
_MOST_COUNTED = 256  # kinds of tokens of which each is counted
_MOST_OUTPUTS = 16  # that are predicted, drawn where there are more
_MOST_LOGISTIC = 20  # classes, beyond which least squares is quicker
_TREES = 50
_FAR = 1e6  # spreads, beyond which inputs are clipped: trees work in 32 bits

Model = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(x (N, F), targets (N, K), x to predict (M, F)) → (M, K): shares of classes, or numbers."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Coding:
    """How inputs and targets are given to the models, by what the training rows are.

    Args:
        mean: (F,) of each feature.
        spread: (F,), 1 where a feature is constant.
        features: numbers of those that are used.
        tokens: kinds that are counted in every row.
        classes: class numbers, or None.
        outputs: numbers of the target's columns that are used.
    """

    mean: np.ndarray
    spread: np.ndarray
    features: np.ndarray
    tokens: np.ndarray
    classes: np.ndarray | None
    outputs: np.ndarray

    @classmethod
    def of(cls, train: Sample, seed: int) -> "Coding":
        """By training rows whose targets are sound."""
        assert train.x is not None
        x = flat(train.x)
        generator = stream(seed, "probe", 1)
        features = _some(x.shape[1], _MOST_FEATURES, generator)
        x = np.where(np.isfinite(x[:, features]), x[:, features], np.nan)
        known = np.isfinite(x).any(axis=0)
        features, x = features[known], x[:, known]
        largest = np.maximum(np.nanmax(np.abs(x), axis=0, initial=0), np.finfo(np.float64).tiny)
        spread = np.nanstd(x / largest, axis=0) * largest
        tokens = np.unique(train.x) if has_tokens(train.x) else np.array((), dtype=np.int64)
        return cls(
            mean=np.nanmean(x / largest, axis=0) * largest,
            spread=np.where(spread > 0, spread, 1),
            features=features,
            tokens=tokens if len(tokens) <= _MOST_COUNTED else tokens[:0],
            classes=np.unique(train.y) if train.kind == "classes" else None,
            outputs=_some(1 if train.y.ndim == 1 else train.y.shape[1], _MOST_OUTPUTS, generator),
        )

    def inputs(self, x: np.ndarray) -> np.ndarray:
        """(N, F'): in spreads from the mean, 0 where not finite; and how often a row has each token."""
        chosen = flat(x)[:, self.features]
        scaled = (np.where(np.isfinite(chosen), chosen, self.mean) - self.mean) / self.spread
        if len(self.tokens):
            rows = x.reshape(len(x), -1)
            counts = np.stack([(rows == token).sum(axis=1) for token in self.tokens], axis=1)
            scaled = np.concatenate([scaled, counts], axis=1)
        return np.clip(scaled, -_FAR, _FAR)

    def targets(self, y: np.ndarray) -> np.ndarray:
        """(N, K): 1 in the class's column, none for a class that no training row has; or the numbers."""
        if self.classes is not None:
            return (y[:, None] == self.classes).astype(np.float64)
        return y.reshape(len(y), -1)[:, self.outputs].astype(np.float64)


def _some(count: int, most: int, generator: np.random.Generator) -> np.ndarray:
    return np.arange(count) if count <= most else np.sort(generator.choice(count, most, replace=False))


def forest(seed: int, kind: str) -> Model:
    """Extremely randomized trees, as many as a second allows; of each split 30 features or their root are tried.

    Source: Geurts, Ernst & Wehenkel 2006, doi:10.1007/s10994-006-6226-1.
    """

    def fit(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor  # two seconds of import

        tried = min(x.shape[1], max(30, int(np.sqrt(x.shape[1]))))
        state = int(stream(seed, "probe", 2).integers(2**31))
        if kind != "classes":
            leaf = 3 if kind == "numbers" and len(x) >= 30 else 1
            trees: Any = ExtraTreesRegressor(_TREES, max_features=tried, min_samples_leaf=leaf, random_state=state)
            return trees.fit(x, y if y.shape[1] > 1 else y[:, 0]).predict(asked).reshape(len(asked), -1)
        trees = ExtraTreesClassifier(_TREES, max_features=tried, random_state=state).fit(x, y.argmax(axis=1))
        return _spread_out(trees.predict_proba(asked), trees.classes_, y.shape[1])

    return fit


def linear(kind: str) -> Model:
    """Logistic regression for up to 20 classes, else ridge regression whose penalty is chosen by leaving rows out.

    Source: Hoerl & Kennard 1970, doi:10.1080/00401706.1970.10488634.
    """

    def fit(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
        from sklearn.linear_model import LogisticRegression, RidgeCV  # two seconds of import

        if kind == "classes" and 1 < len(present := np.unique(y.argmax(axis=1))) <= _MOST_LOGISTIC:
            with warnings.catch_warnings():  # an answer that is not yet exact is as good a yardstick
                warnings.simplefilter("ignore")
                model: Any = LogisticRegression(C=0.1, max_iter=50, tol=1e-3).fit(x, y.argmax(axis=1))
            return _spread_out(model.predict_proba(asked), present, y.shape[1])
        if len(x) < 3:
            return np.repeat(y.mean(axis=0, keepdims=True), len(asked), axis=0)
        size = np.maximum(np.abs(y).max(axis=0), np.finfo(np.float64).tiny)
        model = RidgeCV(alphas=np.logspace(-2, 4, 7)).fit(x, y / size)
        return np.asarray(model.predict(asked)).reshape(len(asked), -1) * size

    return fit


def _spread_out(shares: np.ndarray, present: np.ndarray, count: int) -> np.ndarray:
    """Shares (M, K) of all classes, 0 of those that were not trained on."""
    out = np.zeros((len(shares), count))
    out[:, present.astype(np.int64)] = shares
    return out


def constant(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The mean target, whatever the inputs: chance."""
    return np.repeat(y.mean(axis=0, keepdims=True), len(asked), axis=0)


def deal(y: np.ndarray, seed: int) -> np.ndarray:
    """The fold (N,) that holds each row out; of classes (N,) each fold has its share."""
    return folds.deal(y, None, Fold(folds=min(FOLDS, len(y)), number=0), stream(seed, "probe", 3))


def out_of_fold(model: Model, x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Predictions (N, K) of each row by a model that has not seen it."""
    predicted = np.empty_like(y)
    for number in np.unique(fold):
        held = fold == number
        predicted[held] = model(x[~held], y[~held], x[held])
    return predicted
