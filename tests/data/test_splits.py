"""Which rows go where: seeded, by class, disjoint."""

import numpy as np
import pytest

from unstuck.data.source import Pairs, Source
from unstuck.data.splits import choose, hold_out
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Data
from unstuck.recipe.spec import Recipe

UNEVEN = np.repeat([0, 1, 2], [700, 290, 10])


def source(y, test=None):
    def pairs(y):
        return Pairs(np.arange(len(y))[:, None].astype(np.float64), y)

    return Source(
        name="s",
        train=pairs(y),
        test=None if test is None else pairs(test),
        classes=("a", "b", "c") if y.ndim == 1 else None,
    )


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("y", [UNEVEN, UNEVEN[:, None].astype(np.float64)], ids=["classes", "numbers"])
def test_every_row_is_in_exactly_one_split(y):
    chosen = choose(source(y), Data(name="s"))
    together = np.concatenate([chosen.train, chosen.validation, chosen.test])
    assert np.array_equal(np.sort(together), np.arange(len(y)))


def test_shares_are_those_of_the_recipe():
    chosen = choose(source(UNEVEN), Data(name="s", test=0.25, validation=0.1))
    assert [len(chosen.test), len(chosen.validation), len(chosen.train)] == [250, 75, 675]


@pytest.mark.parametrize("count", [1, 7, 100, 333, 990])
def test_classes_are_held_out_in_proportion_to_within_one_row(count):
    _, held = hold_out(UNEVEN, count, generator())
    assert len(held) == count
    exact = count * np.bincount(UNEVEN) / len(UNEVEN)
    assert (np.abs(np.bincount(UNEVEN[held], minlength=3) - exact) <= 1).all()


def test_rows_of_a_class_are_drawn_uniformly():
    y, draws = np.repeat([0, 1], [6, 14]), 4000
    held = [hold_out(y, 10, generator(seed))[1] for seed in range(draws)]
    share = np.bincount(np.concatenate(held), minlength=20) / draws
    # each row is held out with odds of 1/2; five standard deviations of such a share
    assert np.abs(share - 0.5).max() < 5 * 0.5 / draws**0.5


def test_the_last_row_of_a_class_is_never_held_out():
    y = np.array([0] * 50 + [1] + [2] * 2)
    stay, _ = hold_out(y, 50, generator())
    assert np.bincount(y[stay]).tolist() == [1, 1, 1]


def test_holding_out_the_last_row_of_a_class_is_refused_with_a_remedy():
    y = np.array([0, 0, 1, 2])
    assert len(hold_out(y, 1, generator())[1]) == 1
    with pytest.raises(DataError, match="2 of 4 rows cannot be held out"):
        hold_out(y, 2, generator())
    with pytest.raises(DataError, match=r"data.test = 0.5: 2 of 4 rows .* set data.test = 0"):
        choose(source(y), Data(name="s", test=0.5))


def test_the_seed_of_the_data_draws_the_splits():
    first, again, other = (choose(source(UNEVEN), Data(name="s", seed=seed)) for seed in (0, 0, 1))
    for part in first._fields:
        assert np.array_equal(getattr(first, part), getattr(again, part))
        assert not np.array_equal(getattr(first, part), getattr(other, part))


def test_thinning_out_the_training_rows_moves_no_other_split():
    whole, thin = (choose(source(UNEVEN), Data(name="s", rows=rows)) for rows in (None, 100))
    assert np.array_equal(whole.test, thin.test)
    assert np.array_equal(whole.validation, thin.validation)
    assert set(thin.train) < set(whole.train)
    assert len(thin.train) == 100
    share = np.bincount(UNEVEN[whole.train]) / len(whole.train)
    assert np.abs(np.bincount(UNEVEN[thin.train]) / 100 - share).max() <= 1 / 100


def test_a_share_of_the_rows_is_so_many_of_those_that_are_trained_on():
    whole = choose(source(UNEVEN), Data(name="s"))
    shared, counted = (choose(source(UNEVEN), Data(name="s", rows=rows)) for rows in (0.25, len(whole.train) // 4))
    np.testing.assert_array_equal(shared.train, counted.train)


@pytest.mark.parametrize("rows", [0, -3, 1.0, -0.5, 2.5, True, "some"])
def test_an_amount_of_rows_is_a_count_or_a_share(rows):
    with pytest.raises(
        RecipeError, match=r"data.rows must be a whole number above 0, or a share in \(0, 1\), got"
    ):
        Recipe(data={"name": "iris", "rows": rows})


@pytest.mark.parametrize(("rows", "must"), [(721, r"at most .* \(720\)"), (2, r"at least .* classes \(3\)")])
def test_more_rows_than_there_are_or_fewer_than_classes_are_refused(rows, must):
    with pytest.raises(RecipeError, match=f"data.rows must be {must}"):
        choose(source(UNEVEN), Data(name="s", rows=rows))


@pytest.mark.parametrize("rows", [720, 3])
def test_all_rows_or_one_of_each_class_are_allowed(rows):
    assert len(choose(source(UNEVEN), Data(name="s", rows=rows)).train) == rows


def test_a_test_set_of_its_own_is_left_whole_and_numbered_apart():
    chosen = choose(source(UNEVEN, test=np.array([0, 1, 2])), Data(name="s"))
    assert chosen.test.tolist() == [0, 1, 2]
    assert len(chosen.train) + len(chosen.validation) == len(UNEVEN)
