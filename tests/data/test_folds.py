"""Folds, groups and bootstrap samples: what is held out is never trained on, and every row is held out once."""

from collections import Counter

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from unstuck.data import arrange, count_folds, load, open_source
from unstuck.data.dataset import Dataset
from unstuck.data.folds import hold_out_groups
from unstuck.data.source import Pairs, Source
from unstuck.data.splits import choose
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Data, Fold

UNEVEN = np.repeat([0, 1, 2], [71, 33, 10])
NUMBERS = np.random.default_rng(0).normal(size=(47, 2))
SEEDS = range(20)


def source(y, groups=None, x=None, **parts):
    x = np.random.default_rng(1).normal(size=(len(y), 3)) if x is None else x
    classes = tuple("abcdefgh"[: y.max() + 1]) if y.ndim == 1 else None
    return Source(name="s", train=Pairs(x, y), classes=classes, groups=groups, **parts)


def spec(folds=None, number=0, **more):
    """What holds a fold out and no validation rows; keys of the fold and of the data may be mixed."""
    of_fold = {key: more.pop(key) for key in ("repeat", "stratified", "twins") if key in more}
    fold = Fold(folds=folds, number=number, **of_fold)
    return Data(name="s", **({"validation": 0.0} | more), fold=fold)


def all_folds(found, **keys):
    """The rows of each fold."""
    return [choose(found, spec(number=number, **keys)).test for number in range(count_folds(found, spec(**keys)))]


# every row once


@pytest.mark.parametrize("stratified", [True, False])
@pytest.mark.parametrize("y", [UNEVEN, NUMBERS], ids=["classes", "numbers"])
@pytest.mark.parametrize("folds", [2, 7, 10, None])
def test_every_row_is_held_out_exactly_once_and_sizes_differ_by_one_at_most(y, folds, stratified):
    held = all_folds(source(y), folds=folds, stratified=stratified)
    assert len(held) == (folds or len(y))
    assert np.array_equal(np.sort(np.concatenate(held)), np.arange(len(y)))
    sizes = [len(rows) for rows in held]
    assert max(sizes) - min(sizes) <= 1


def test_what_is_not_held_out_is_trained_on():
    for folds, number in ((2, 0), (7, 3), (None, 5)):
        chosen = choose(source(UNEVEN), spec(folds, number))
        assert np.array_equal(np.sort(np.concatenate([chosen.train, chosen.test])), np.arange(len(UNEVEN)))


@pytest.mark.parametrize("folds", [2, 3, 7, 10])
def test_stratified_folds_have_the_class_counts_of_scikit_learns(folds):
    ours = [np.bincount(UNEVEN[rows]).tolist() for rows in all_folds(source(UNEVEN), folds=folds)]
    theirs = [np.bincount(UNEVEN[rows]).tolist() for _, rows in StratifiedKFold(folds).split(UNEVEN, UNEVEN)]
    assert Counter(map(tuple, ours)) == Counter(map(tuple, theirs))
    assert (np.ptp(ours, axis=0) <= 1).all()


def test_folds_that_are_not_stratified_are_dealt_regardless_of_class():
    counts = [
        np.bincount(UNEVEN[rows], minlength=3) for rows in all_folds(source(UNEVEN), folds=5, stratified=False)
    ]
    assert np.ptp(counts, axis=0).max() > 1


def test_seed_and_repeat_deal_anew_and_nothing_else_does():
    base = choose(source(UNEVEN), spec(5)).test
    for same in (spec(5, twins="keep"), spec(5, validation=0.2), spec(5, bootstrap=3), spec(5, test=0.5)):
        assert np.array_equal(choose(source(UNEVEN), same).test, base)
    for other in (spec(5, repeat=1), spec(5, repeat=2), spec(5, seed=1), spec(5, number=1)):
        assert not np.array_equal(choose(source(UNEVEN), other).test, base)


def one(y):
    return Source(name="s", train=Pairs(np.arange(len(y))[:, None] * 1.0, y), classes=("a",))


def test_pairs_of_rows_share_a_fold_as_often_as_chance_has_it():
    y, draws = np.zeros(12, dtype=np.int64), 3000
    held = [choose(one(y), spec(3, seed=seed)).test for seed in range(draws)]
    together = sum(0 in rows and 1 in rows for rows in held)
    # one fold of 4 among 12 rows holds both with odds of 4/12 · 3/11; five standard deviations of such a share
    odds = 4 / 12 * 3 / 11
    assert abs(together / draws - odds) < 5 * (odds * (1 - odds) / draws) ** 0.5


def test_leaving_one_out_holds_the_rows_out_in_their_order():
    assert [rows.tolist() for rows in all_folds(source(UNEVEN))] == [[row] for row in range(len(UNEVEN))]


def test_folds_of_fewer_rows_are_folds_of_a_sample_of_them():
    held = np.concatenate(all_folds(source(UNEVEN), folds=5, rows=60))
    assert len(set(held)) == len(held) == 60
    assert count_folds(source(UNEVEN), spec(rows=60)) == 60
    share = np.bincount(UNEVEN) * 60 / len(UNEVEN)
    assert (np.abs(np.bincount(UNEVEN[held]) - share) <= 1).all()


def test_rows_that_a_source_holds_out_itself_are_in_no_fold():
    extra = Pairs(np.full((5, 3), 9.0), np.zeros(5, dtype=np.int64))
    data = arrange(source(UNEVEN, validation=extra, test=extra), spec(5, scaling="none", validation=0.1))
    assert sum(map(len, data.splits.values())) == len(UNEVEN)
    assert not any((split.x == 9).any() for split in data.splits.values())


def test_mnists_own_test_rows_are_left_out_of_it():
    data = load(Data(name="mnist", fold=Fold(folds=10, number=9)))
    assert (len(data.test), len(data.train) + len(data.validation)) == (6000, 54000)
    assert (
        np.ptp(np.bincount(data.test.y) - np.bincount(np.concatenate([data.train.y, data.validation.y])) / 9) < 2
    )


# no leak


@pytest.mark.parametrize("more", [{}, {"bootstrap": 4}], ids=["fold", "bootstrap"])
@pytest.mark.parametrize("number", range(5))
def test_scaling_is_fitted_to_the_rows_that_are_trained_on_alone(number, more):
    found = source(NUMBERS)
    data = arrange(found, spec(5, number, validation=0.2, **more))
    x, y = found.train.x[data.train.rows], found.train.y[data.train.rows]
    for scaling, raw in ((data.inputs, x), (data.targets, y)):
        np.testing.assert_allclose(scaling.shift, raw.mean(axis=0), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(scaling.factor, 1 / raw.std(axis=0), rtol=1e-5)


@pytest.mark.parametrize("groups", [None, np.arange(len(UNEVEN)) % 30], ids=["rows", "groups"])
@pytest.mark.parametrize("more", [{}, {"bootstrap": 0}], ids=["fold", "bootstrap"])
def test_validation_rows_come_from_the_training_part_and_are_trained_on_by_none(groups, more):
    for number in range(5):
        chosen = choose(source(UNEVEN, groups), spec(5, number, validation=0.2, **more))
        train, validation, test = map(set, chosen)
        assert validation
        assert not validation & test
        assert not validation & train
        assert not train & test
        if not more:
            assert len(train) + len(validation) + len(test) == len(UNEVEN)


def nearest(data: Dataset) -> float:
    """Accuracy on the test rows of the training row that is nearest."""
    distance = np.square(data.test.x[:, None] - data.train.x[None]).sum(axis=2)
    return float((data.train.y[distance.argmin(axis=1)] == data.test.y).mean())


def test_copies_of_held_out_rows_tell_nothing_unless_they_are_kept():
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(400, 3)), generator.integers(0, 2, 400)  # nothing can be learned of it
    copied = source(np.tile(y, 2), x=np.tile(x, (2, 1)))
    told = {}
    for twins in ("drop", "keep"):
        scores = [nearest(arrange(copied, spec(4, number, twins=twins))) for number in range(4)]
        told[twins] = np.mean(scores)
    # Both of a pair are held out with odds of 1/4; the other rows' copies are trained on
    assert told["keep"] > 0.75
    # Pairs are coins thrown once: five standard deviations of 400 throws
    assert abs(told["drop"] - 0.5) < 5 * 0.5 / 400**0.5


def test_irises_are_held_out_one_by_one_each_without_its_twin():
    found = open_source(Data(name="iris"))
    x = found.train.x
    equal = [(a, b) for a in range(150) for b in range(a) if np.array_equal(x[a], x[b])]
    assert equal == [(142, 101)]
    assert count_folds(found, spec()) == 150
    for number in range(150):
        data = arrange(found, spec(number=number))
        twin = {101: {142}, 142: {101}}.get(number, set())
        assert data.test.rows.tolist() == [number]
        assert set(data.train.rows) == set(range(150)) - {number} - twin
        assert len(arrange(found, spec(number=number, twins="keep")).train) == 149


def test_twins_are_equal_in_every_bit():
    x = np.array([[0.1, 1.0], [0.1, 1.0], [np.nextafter(0.1, 1), 1.0], [0.1, 2.0], [5.0, 5.0], [6.0, 5.0]])
    chosen = choose(source(np.array([0, 0, 0, 0, 1, 1]), x=x), spec(number=0))
    assert chosen.train.tolist() == [2, 3, 4, 5]


def test_pictures_and_sequences_have_twins_too():
    pictures = np.zeros((6, 2, 2), np.uint8)
    pictures[2:] = np.arange(4)[:, None, None] + 1
    ended = np.concatenate([np.arange(6.0)[:, None, None], np.full((6, 1, 1), np.nan)], axis=1)
    ended[1] = ended[0]
    y = np.array([0, 0, 0, 1, 1, 1])
    for x, sequence in ((pictures, None), (ended, "lengths")):
        assert choose(source(y, x=x, sequence=sequence), spec(number=0)).train.tolist() == [2, 3, 4, 5]


# groups


def grouped(seed):
    """Groups of 1 to 9 rows, each with classes of its own liking."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(generator.permutation(40) * 7 - 100, generator.integers(1, 10, 40))
    liking = generator.random(40)
    y = (generator.random(len(groups)) < liking[np.unique(groups, return_inverse=True)[1]]).astype(np.int64)
    shuffled = generator.permutation(len(groups))
    return source(y[shuffled], groups[shuffled])


@pytest.mark.parametrize(
    "what",
    [spec(5, 2, validation=0.2), spec(None, 2, validation=0.2), Data(name="s", test=0.3), spec(5, rows=80)],
    ids=["fold", "one group", "no fold", "fewer rows"],
)
def test_no_group_is_ever_on_two_sides(what):
    for seed in SEEDS:
        found = grouped(seed)
        chosen = choose(found, what.model_copy(update={"seed": seed}))
        sides = [set(found.groups[rows]) for rows in chosen if rows is not None]
        assert sum(map(len, sides)) == len(set.union(*sides))
        assert all(sides)


@pytest.mark.parametrize("stratified", [True, False])
def test_folds_of_groups_hold_every_row_out_once(stratified):
    for seed in SEEDS:
        found = grouped(seed)
        held = all_folds(found, folds=6, seed=seed, stratified=stratified)
        assert np.array_equal(np.sort(np.concatenate(held)), np.arange(len(found.train.y)))
        if not stratified:
            largest = np.unique(found.groups, return_counts=True)[1].max()
            sizes = [len(rows) for rows in held]
            assert max(sizes) - min(sizes) <= largest


def unevenness(y, folds):
    """How far folds are from an even share of each class: the mean deviation, as a share of the class."""
    counts = np.array([np.bincount(y[rows], minlength=2) for rows in folds])
    return (counts.std(axis=0) / counts.sum(axis=0)).mean()


def test_folds_of_groups_are_as_even_by_class_as_scikit_learns():
    ours, theirs = [], []
    for seed in SEEDS:
        found = grouped(seed)
        y = found.train.y
        ours.append(unevenness(y, all_folds(found, folds=5, seed=seed)))
        splits = StratifiedGroupKFold(5).split(y, y, found.groups)
        theirs.append(unevenness(y, [rows for _, rows in splits]))
    assert np.mean(ours) <= np.mean(theirs)


def test_leaving_one_group_out_takes_groups_in_the_order_of_their_numbers():
    found = grouped(0)
    held = all_folds(found)
    assert [set(found.groups[rows]) for rows in held] == [{group} for group in np.unique(found.groups)]


def test_groups_are_held_out_up_to_their_share_as_near_as_one_more_could_bring_it():
    for seed in SEEDS:
        found = grouped(seed)
        y = np.zeros(len(found.groups), dtype=np.int64)
        _, held = hold_out_groups(y, found.groups, 40, np.random.default_rng(seed))
        sizes = dict(zip(*np.unique(found.groups, return_counts=True), strict=True))
        others = set(sizes) - set(found.groups[held])
        assert all(abs(len(held) + sizes[group] - 40) >= abs(len(held) - 40) for group in others)


def test_one_group_is_held_out_even_of_a_small_share_and_one_stays_of_a_large_one():
    groups = np.repeat([0, 1, 2], [30, 20, 25])
    y = np.zeros(75, dtype=np.int64)
    _, held = hold_out_groups(y, groups, 1, np.random.default_rng(0))
    assert set(groups[held]) == {1}  # the smallest
    stay, _ = hold_out_groups(y, groups, 75, np.random.default_rng(0))
    assert len(set(groups[stay])) == 1


def test_every_class_keeps_a_row_when_groups_are_held_out():
    groups, y = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 0, 0, 0])
    for seed in SEEDS:
        stay, _ = hold_out_groups(y, groups, 4, np.random.default_rng(seed))
        assert set(y[stay]) == {0, 1}


# bootstrap


def test_a_bootstrap_sample_has_each_class_as_often_and_about_632_of_1000_rows():
    y = np.repeat([0, 1], [30_000, 10_000])
    drawn = choose(source(y), Data(name="s", validation=0.0, test=0.0, bootstrap=0)).train
    assert np.bincount(y[drawn]).tolist() == [30_000, 10_000]
    assert (np.diff(drawn) >= 0).all()
    # A row is missed with odds of (1 - 1/n)ⁿ ≈ 1/e. Whether two are is correlated negatively, so that the share's
    # deviation is below the binomial one; five of those.
    odds = np.exp(-1)
    assert abs(len(np.unique(drawn)) / len(y) - (1 - odds)) < 5 * (odds * (1 - odds) / len(y)) ** 0.5


def test_another_bootstrap_number_draws_other_rows_from_the_same_split():
    found = source(UNEVEN)
    plain, first, again, other = (choose(found, Data(name="s", bootstrap=number)) for number in (None, 0, 0, 1))
    assert np.array_equal(first.train, again.train)
    assert not np.array_equal(first.train, other.train)
    for sample in (first, other):
        assert set(sample.train) < set(plain.train)
        assert len(sample.train) == len(plain.train)
        assert np.array_equal(sample.validation, plain.validation)
        assert np.array_equal(sample.test, plain.test)


def test_the_rows_of_a_bootstrap_sample_say_which_were_drawn():
    found = source(UNEVEN)
    data = arrange(found, Data(name="s", bootstrap=5, scaling="none"))
    assert np.array_equal(data.train.x, found.train.x[data.train.rows].astype(np.float32))
    assert max(Counter(data.train.rows.tolist()).values()) > 1


def test_numbers_are_drawn_as_they_come():
    rows = choose(source(NUMBERS), Data(name="s", bootstrap=0, validation=0.0, test=0.0)).train
    assert len(rows) == 47
    assert len(set(rows)) < 47


# bad designs

TWO_OF_A_KIND = np.array([0, 0, 0, 0, 1, 1])
ALL_IN_ONE = np.array([0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize(
    ("found", "what", "message"),
    [
        (source(UNEVEN), spec(11), "data.fold.folds must be at most 10, the rows of the smallest class, got 11"),
        (
            source(UNEVEN),
            spec(115, stratified=False),
            "data.fold.folds must be at most 114, the number of rows, got 115",
        ),
        (source(NUMBERS), spec(48), "data.fold.folds must be at most 47, the number of rows, got 48"),
        (source(UNEVEN, UNEVEN), spec(4), "data.fold.folds must be at most 3, the number of groups, got 4"),
        (source(UNEVEN), spec(None, 114), "data.fold.number must be less than 114, the number of folds, got 114"),
        (source(UNEVEN), Data(name="s"), "data.fold must be given, got None"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_folds_that_cannot_be_made_are_one_line(found, what, message):
    with pytest.raises(RecipeError, match=message) as caught:
        (choose if what.fold else count_folds)(found, what)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (source(UNEVEN), spec(10, 9)),
        (source(UNEVEN), spec(11, 10, stratified=False)),
        (source(NUMBERS), spec(47, 46)),
        (source(np.arange(114) % 2, UNEVEN), spec(3, 2)),
        (source(UNEVEN), spec(None, 113)),
    ],
)
def test_the_most_folds_that_there_can_be_are_made(found, what):
    assert len(choose(found, what).test)


@pytest.mark.parametrize(
    ("found", "what", "message"),
    [
        (
            source(TWO_OF_A_KIND, x=np.array([[0.0], [1], [2], [3], [4], [4]])),
            spec(2),
            "class 'b' would have no training row, for all that are left are twins .* data.fold.twins = \"keep\"",
        ),
        (
            source(NUMBERS[:4], x=np.ones((4, 2))),
            spec(2),
            "the data would have no training row, for all that are left are twins",
        ),
        (
            source(np.array([0, 0, 1])),
            spec(None, 2),
            "class 'b' would have no training row, for the fold holds out all of them",
        ),
        (
            source(np.array([0, 0, 1]), np.zeros(3, dtype=np.int64)),
            spec(),
            "class 'a' would have no training row, for the fold holds out all of them",
        ),
        (
            source(ALL_IN_ONE, ALL_IN_ONE),
            Data(name="s"),
            r"data.test = 0.2: none of 3 groups can be held out: .* set data.test = 0",
        ),
        (
            source(UNEVEN, UNEVEN[:5]),
            Data(name="s"),
            r"groups have shape \(5,\); they must be one for each of 114",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_leaves_nothing_to_train_on_is_one_line(found, what, message):
    with pytest.raises(DataError, match=message) as caught:
        arrange(found, what)
    assert "\n" not in str(caught.value)


def test_twins_that_may_stay_leave_their_class_a_row():
    found = source(TWO_OF_A_KIND, x=np.array([[0.0], [1], [2], [3], [4], [4]]))
    assert choose(found, spec(2, twins="keep")).train.size == 3
