"""What can be learned from the rows: the scores of a forest and a linear model, of chance, and labels in doubt."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from unstuck.evidence.evidence import Column
from unstuck.evidence.models import Coding, Model, constant, deal, forest, linear, out_of_fold
from unstuck.evidence.sample import Sample, is_reconstruction
from unstuck.rng import stream

UNITS = {"classes": "share of rows", "labels": "share of rows", "numbers": "share of variance"}

_MOST_ROWS = 1500  # that models are fitted to
_MOST_HELD = 2000  # that they are asked for
_FEWEST = 8  # rows, of which nothing can be held out
_DRAWS = 999  # shuffles
_ROUNDING = 1e-5  # of numbers that were written with 32 bits, and scaled
_HELD = ("test", "validation")  # where the yardstick is read, if it is there


Asked = tuple[np.ndarray, np.ndarray]  # inputs (N, F) and targets (N, K), as the models take them


class Doubt(NamedTuple):
    """Shares of labels that differ from what a model says that has not seen them.

    `confident` is that of confident learning, `error` that of all rows. Overlapping classes raise both; yet the
    surer the model, the fewer labels are off. Wrong labels lie everywhere alike: among the tenth, the fifth and
    the two fifths of rows that the model is surest of. `low` and `high` end the fifth's 95 % interval.
    """

    confident: float
    error: float
    tenth: float
    fifth: float
    two_fifths: float
    low: float
    high: float


def of_learnable(splits: Mapping[str, Sample], *, seed: int) -> dict[str, Column]:
    """Columns of what the models reach; none where targets are of another kind, or rows are too few.

    All scores are lower bounds of what can be reached: models are small, and fitted to some of the rows.
    """
    train = splits["train"].sound.draw(_MOST_ROWS, seed, 7)
    if train.x is None or not _can_be_modelled(train):
        return {}
    coding = Coding.of(train, seed)
    x, y = coding.inputs(train.x), coding.targets(train.y)
    if not x.shape[1]:
        return {}
    fold = deal(train.y if train.kind == "classes" else y, seed)
    models = {"forest": forest(seed, train.kind), "linear": linear(train.kind), "chance": constant}
    unseen = {name: out_of_fold(model, x, y, fold) for name, model in models.items()}
    asked = {"train": (x, y), **_held(splits, train, coding, seed)}
    scores = {name: _scores(model, asked, train.kind) for name, model in models.items()}
    for name, found in scores.items():
        found["out of fold"] = score(unseen[name], y, train.kind)
    rows = {"out of fold": len(x)} | {name: len(targets) for name, (_, targets) in asked.items()}
    columns = _columns(scores, rows, train.kind) | _beyond_chance(unseen, y, fold, seed)
    columns |= _beyond_constant(unseen, y, train.kind)
    if train.kind == "classes":
        better = max(unseen["forest"], unseen["linear"], key=lambda shares: _likelihood(shares, y))
        columns |= _of_doubt(doubt(better, y)) | _of_recall(unseen, y, coding)
    if not len(coding.tokens):
        found = _of_one_feature(x, y, unseen, train.kind, seed)
        if found and train.x.ndim == 2 and train.x.dtype.kind == "f":
            best = int(found["one_feature"].values)
            is_answer = is_the_answer(x[:, best], y, train.kind)
            found["one_feature_is_answer"] = Column(np.array(float(is_answer)), "whether")
            found["one_feature"] = Column(np.array(float(coding.features[best])), "number of the feature")
        columns |= found
    return columns


def answers_of_a_small_model(train: Sample, asked: Sample, *, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """What the better of a forest and a linear model says (N, K) of rows it has not seen, and their targets.

    Which is better is told by training rows alone. None where models cannot take the rows.
    """
    train, shape = train.sound.draw(_MOST_ROWS, seed, 7), asked.x.shape[1:] if asked.x is not None else None
    if train.x is None or asked.x is None or train.x.shape[1:] != shape or not _can_be_modelled(train):
        return None
    coding = Coding.of(train, seed)
    x, y = coding.inputs(train.x), coding.targets(train.y)
    if not x.shape[1] or len(coding.outputs) != (1 if train.y.ndim == 1 else train.y.shape[1]):
        return None
    fold = deal(train.y if train.kind == "classes" else y, seed)
    models = forest(seed, train.kind), linear(train.kind)
    better = max(models, key=lambda model: score(out_of_fold(model, x, y, fold), y, train.kind))
    return better(x, y, coding.inputs(asked.x)), coding.targets(asked.y)


def row_scores(predicted: np.ndarray, targets: np.ndarray, kind: str) -> np.ndarray:
    """(N,) whose mean is the score: how right a row is, or 1 less its squared error per variance of all rows."""
    if kind == "classes":
        return targets[np.arange(len(targets)), predicted.argmax(axis=1)]
    if kind == "labels":
        return ((predicted > 0.5) == (targets > 0.5)).mean(axis=1)
    variance = targets.var(axis=0)
    left = (targets - predicted) ** 2 / np.where(variance > 0, variance, 1)
    return (1 - left).mean(axis=1)


def _can_be_modelled(train: Sample) -> bool:
    """Whether there are rows enough, with targets that the models know."""
    most = 1 if train.kind == "classes" else 2  # class numbers of every step of a sequence are not modelled
    known = train.kind != "other" and train.y.ndim <= most and not is_reconstruction(train.x, train.y)
    return known and len(train) >= _FEWEST and train.x is not None and train.x.size > 0


def _scores(model: Model, asked: Mapping[str, Asked], kind: str) -> dict[str, float]:
    """Of a model of the training rows, in each split."""
    answers = model(*asked["train"], np.concatenate([x for x, _ in asked.values()]))
    ends = np.cumsum([len(x) for x, _ in asked.values()])[:-1]
    parts = zip(asked.items(), np.split(answers, ends), strict=True)
    return {name: score(part, y, kind) for (name, (_, y)), part in parts}


def _held(splits: Mapping[str, Sample], train: Sample, coding: Coding, seed: int) -> dict[str, Asked]:
    """Other splits whose rows are of the same shape, as the models take them."""
    assert train.x is not None
    shape = train.x.shape[1:], train.y.shape[1:]
    found: dict[str, Asked] = {}
    for name, split in splits.items():
        drawn = split.sound.draw(_MOST_HELD, seed, 8)
        if name == "train" or drawn.x is None or len(drawn) < 2:
            continue
        if (drawn.x.shape[1:], drawn.y.shape[1:]) == shape:
            found[name] = coding.inputs(drawn.x), coding.targets(drawn.y)
    return found


def score(predicted: np.ndarray, targets: np.ndarray, kind: str) -> float:
    """Accuracy, of labels that of all together; of numbers R², at most 1, the mean over outputs.

    Args:
        predicted: (N, K) shares of classes or labels, or numbers.
        targets: (N, K); a row of a class that no training row has is all 0, and never right.
        kind: classes, labels or numbers.
    """
    if kind == "classes":
        right = targets[np.arange(len(targets)), predicted.argmax(axis=1)]
        return float(right.mean())
    if kind == "labels":
        return float(((predicted > 0.5) == (targets > 0.5)).mean())
    total = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    left = ((targets - predicted) ** 2).sum(axis=0)
    explained = 1 - left / np.where(total > 0, total, 1)
    return float(np.where(total > 0, explained, np.where(left == 0, 1.0, 0.0)).mean())


def _columns(scores: Mapping[str, Mapping[str, float]], rows: Mapping[str, int], kind: str) -> dict[str, Column]:
    """The scores of each model by split, and the yardstick: the better one's, where rows are held out."""
    unit, names = UNITS[kind], tuple(scores["chance"])
    columns = {
        f"{name}_score": Column(np.array([found[one] for one in names]), unit, along=names)
        for name, found in scores.items()
    }
    where = next((one for one in _HELD if one in names), "out of fold")
    best = {one: max(scores["forest"][one], scores["linear"][one]) for one in names}
    numbers = {
        "attainable": best[where],
        "attainable_unseen": best["out of fold"],
        "attainable_train": max(scores["linear"]["train"], best["out of fold"]),
        "chance": scores["chance"][where],
        "chance_train": scores["chance"]["train"],
    }
    columns |= {name: Column(np.array(number), unit) for name, number in numbers.items()}
    error = standard_error(best[where], rows[where], kind)
    return columns | {
        "attainable_error": Column(np.array(error), f"standard error, {unit}"),
        "rows_tried": Column(np.array(float(rows["out of fold"])), "training rows that the models were given"),
    }


def standard_error(reached: float, rows: int, kind: str) -> float:
    """Of a score by the rows it was taken of: a share's is binomial, R² has 2 √R² (1 - R²) / √n, for large n.

    Source: Olkin & Finn 1995, doi:10.1037/0033-2909.118.1.155.
    """
    if kind == "numbers":
        r2 = float(np.clip(reached, 0, 1))
        return float(2 * np.sqrt(r2) * (1 - r2) / np.sqrt(rows))
    return float(np.sqrt(max(reached * (1 - reached), 0.0) / rows))


def _beyond_chance(
    unseen: Mapping[str, np.ndarray], y: np.ndarray, fold: np.ndarray, seed: int
) -> dict[str, Column]:
    """Whether what the models say of unseen rows goes together with their targets, by shuffling these.

    Centered by fold: the mean of a fold's training rows is low where its own is high, which is no signal. Shares
    are compared, not decisions, so that rare classes count. Of two models the smaller p is doubled.
    """
    targets = _centered(y, fold)
    spread = np.sqrt((targets**2).mean(axis=0))
    targets = targets / np.where(spread > 0, spread, 1)
    p = 1.0
    for name in ("forest", "linear"):
        said = _centered(unseen[name], fold)
        size = np.sqrt((said**2).mean(axis=0))
        p = min(p, 2 * permutation_p(said / np.where(size > 0, size, 1), targets, seed=seed))
    return {"chance_p": Column(np.array(p), "probability by chance")}


def _beyond_constant(unseen: Mapping[str, np.ndarray], y: np.ndarray, kind: str) -> dict[str, Column]:
    """How far the better model lies above the mean target, of rows neither has seen: in score, or in variance.

    Variance that shares explain counts too: of a rare class decisions may never tell.
    """
    gains = [
        score(unseen[name], y, by) - score(unseen["chance"], y, by)
        for name in ("forest", "linear")
        for by in {kind, "numbers"}
    ]
    return {"unseen_gain": Column(np.array(max(gains)), "of the score, or of variance, above a constant")}


def _centered(values: np.ndarray, fold: np.ndarray) -> np.ndarray:
    out = np.empty_like(values)
    for number in np.unique(fold):
        out[fold == number] = values[fold == number] - values[fold == number].mean(axis=0)
    return out


def permutation_p(said: np.ndarray, targets: np.ndarray, *, seed: int, draws: int = _DRAWS) -> float:
    """How often shuffled targets (N, K) go together as closely with what was said (N, K); both centered.

    Source: Phipson & Smyth 2010, doi:10.2202/1544-6115.1585.
    """
    generator = stream(seed, "probe", 6)
    seen = float((said * targets).sum())
    shuffled = [float(np.vdot(said, targets[generator.permutation(len(targets))])) for _ in range(draws)]
    rounding = 1e-9 * float(np.abs(said * targets).sum())
    return (1 + sum(one >= seen - rounding for one in shuffled)) / (1 + draws)


def doubt(shares: np.ndarray, labels: np.ndarray) -> Doubt:
    """How many labels are in doubt, with classes counting alike, so that a rare one is not called noise.

    Args:
        shares: (N, K) of each class, by a model that has not seen the row.
        labels: (N, K), 1 in the class's column.

    Source: confident learning, Northcutt, Jiang & Chuang 2021, JAIR 70, arXiv:1911.00068, section 3.1; that the
        surest rows show noise apart from overlap is ours, docs/thresholds.md. The interval is Wilson's.
    """
    prior = labels.mean(axis=0)
    given = labels.argmax(axis=1)
    usual = (shares * labels).sum(axis=0) / labels.sum(axis=0)  # mean share of class k in rows labelled k
    confident = shares >= usual
    said = np.where(confident, shares, -1).argmax(axis=1)
    counted = confident.any(axis=1)
    weight = 1 / (prior[given] * labels.shape[1])
    doubted = weight * counted
    in_doubt = float((doubted * (said != given)).sum()) / max(float(doubted.sum()), 1e-12)
    even = shares / prior
    even /= np.maximum(even.sum(axis=1, keepdims=True), 1e-12)
    top = np.sort(even, axis=1)[:, ::-1]
    margin = top[:, 0] - (top[:, 1] if even.shape[1] > 1 else 0)
    order = np.argsort(-margin, kind="stable")
    wrong = weight * (even.argmax(axis=1) != given)

    def off(share: float) -> tuple[float, float]:
        """Among the surest rows; and as how many of equal weight these count."""
        some = order[: max(int(share * len(order)), 1)]
        total = float(weight[some].sum())
        return float(wrong[some].sum()) / total, total**2 / float((weight[some] ** 2).sum())

    fifth, rows = off(0.2)
    return Doubt(in_doubt, off(1.0)[0], off(0.1)[0], fifth, off(0.4)[0], *wilson(fifth, rows))


def _likelihood(shares: np.ndarray, labels: np.ndarray) -> float:
    """Mean log share of the label; one that a model rules out counts as 1 in 100, so that no row decides."""
    return float(np.log(np.maximum((shares * labels).sum(axis=1), 0.01)).mean())


def wilson(share: float, rows: float) -> tuple[float, float]:
    """The 95 % interval of a share of rows.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    z = 1.959963984540054
    middle = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    reach = z * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2)) / (1 + z**2 / rows)
    return float(middle - reach), float(middle + reach)


def _of_doubt(found: Doubt) -> dict[str, Column]:
    surest = "share of the {} of rows that the model is surest of".format
    units = ("share of rows, by confident learning", "share of rows", surest("tenth"), surest("fifth"))
    units += (surest("two fifths"), surest("fifth"), surest("fifth"))
    names = ("labels_in_doubt", "labels_missed", "labels_off_tenth", "labels_off", "labels_off_two_fifths")
    names += ("labels_off_low", "labels_off_high")
    return {name: Column(np.array(value), unit) for name, value, unit in zip(names, found, units, strict=True)}


def _of_recall(unseen: Mapping[str, np.ndarray], y: np.ndarray, coding: Coding) -> dict[str, Column]:
    """Share of each class's rows that the model finds that finds more, classes counted alike."""
    assert coding.classes is not None
    given, count = y.argmax(axis=1), y.shape[1]
    recalls = [recall(unseen[name].argmax(axis=1), given, count) for name in ("forest", "linear")]
    best = max(recalls, key=lambda found: float(found.mean()))
    names = tuple(f"class {number:.0f}" for number in coding.classes)
    return {"class_recall": Column(best, "share of the class's rows", along=names)}


def recall(predicted: np.ndarray, given: np.ndarray, count: int) -> np.ndarray:
    """Share (K,) of each class's rows that are predicted to be of it; all (N,) are class numbers from 0."""
    rows = np.bincount(given, minlength=count)
    right = np.bincount(given[predicted == given], minlength=count)
    return right / np.maximum(rows, 1)


def _of_one_feature(
    x: np.ndarray, y: np.ndarray, unseen: Mapping[str, np.ndarray], kind: str, seed: int
) -> dict[str, Column]:
    """What the feature that goes together best with the targets reaches alone, and the others without it.

    It is the one whose ranks, in tenths, tell most of the targets' variance. Only looked at where all together
    reach 0.9: no leak is needed to explain less. Of two models the better one counts: trees step where a line
    runs, and a line runs where they step.
    """
    if x.shape[1] < 3 or max(score(unseen[name], y, kind) for name in ("forest", "linear")) < 0.9:
        return {}
    best = int(np.argmax(_explained(x, y)))
    fold = deal(y.argmax(axis=1) if kind == "classes" else y, seed)

    def reached(by: np.ndarray) -> float:
        return max(score(out_of_fold(model, by, y, fold), y, kind) for model in (forest(seed, kind), linear(kind)))

    alone = reached(x[:, [best]])
    rest = reached(np.delete(x, best, axis=1)) if alone > 0.9 else np.nan
    return {
        "one_feature": Column(np.array(float(best)), "number of the feature"),
        "one_feature_score": Column(np.array(alone), UNITS[kind]),
        "other_features_score": Column(np.array(rest), UNITS[kind]),
    }


def is_the_answer(feature: np.ndarray, y: np.ndarray, kind: str) -> bool:
    """Whether a feature (N,) is the targets (N, K) by another name.

    Of numbers, one output, a line maps it onto them, up to rounding to 32 bits; of classes each of its values
    is one class, and each class one of its values.
    """
    if kind == "classes":
        values, number = np.unique(feature, return_inverse=True)
        given = y.argmax(axis=1)
        pairs = np.unique(np.stack([number, given]), axis=1).shape[1]
        return len(values) == len(np.unique(given)) == pairs > 1
    spread = feature.std()
    if kind != "numbers" or y.shape[1] != 1 or not spread > 0 or not y.std() > 0:
        return False
    scaled, target = (feature - feature.mean()) / spread, (y[:, 0] - y.mean()) / y.std()
    size = 1 + max(abs(feature.mean()) / spread, abs(y.mean()) / y.std())  # an offset takes digits away
    left = np.abs(target - np.sign((scaled * target).sum()) * scaled)
    return bool(left.max() <= _ROUNDING * size * max(1, np.abs(target).max()))


def _explained(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Variance of the targets (F,) between tenths of each feature's ranks."""
    total = np.zeros(x.shape[1])
    centered = y - y.mean(axis=0)
    for number, feature in enumerate(x.T):
        edges = np.unique(np.quantile(feature, np.linspace(0, 1, 11)[1:-1]))
        part = np.searchsorted(edges, feature, side="left")
        counts = np.maximum(np.bincount(part, minlength=len(edges) + 1), 1)
        sums = np.stack([np.bincount(part, output, minlength=len(edges) + 1) for output in centered.T])
        total[number] = (sums**2 / counts).sum()
    return total
