"""Augmentation: each change against its definition, on pictures small enough to check by hand."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from cases import arranged, images, recipe, table
from unstuck.data.source import Pairs, Source
from unstuck.errors import RecipeError
from unstuck.recipe.augment import USUAL, Augment, usual
from unstuck.training import training as module
from unstuck.training.folder import Folder
from unstuck.training.task import task_of_recipe
from unstuck.training.torch_augment import augmentation, versions_of
from unstuck.training.training import Training

CPU = torch.device("cpu")
HEIGHT, WIDTH = 12, 8
SEVERAL = {
    name: USUAL[name] for name in ("shift", "crop", "zoom", "flip", "rotation", "erasing", "noise", "mixup")
}


def pictures(rows=40, shape=(HEIGHT, WIDTH), dtype=np.uint8, *, least=1, **data):
    """Bright pictures of two classes, none of them symmetric."""
    rng = np.random.default_rng(0)
    x = rng.integers(least, 256, (rows, *shape)).astype(dtype)
    source = Source(name="pictures", train=Pairs(x, np.arange(rows) % 2), classes=("even", "odd"))
    return arranged(source, **data)


def batch(dataset):
    x = torch.from_numpy(dataset.train.x.reshape(len(dataset.train), -1))
    return (x * float(dataset.inputs.factor) if x.dtype == torch.uint8 else x), torch.from_numpy(dataset.train.y)


def changed(dataset, seed=0, **changes):
    torch.manual_seed(seed)
    x, y = augmentation(Augment(**changes), dataset, CPU)(*batch(dataset))
    return x.reshape(len(x), *dataset.shape), y


def originals(dataset):
    return batch(dataset)[0].reshape(-1, *dataset.shape)


def dot(rows=64, side=15):
    """One bright pixel in the middle: where its weight lies says how a picture moved."""
    x = np.zeros((rows, side, side), np.uint8)
    x[:, side // 2, side // 2] = 255
    return arranged(Source(name="dot", train=Pairs(x, np.arange(rows) % 2), classes=("a", "b")))


def centres(shown):
    """Centre of brightness (rows, 2), down and across, in pixels from the top left one."""
    mass = shown.sum(dim=(1, 2))
    down = (shown.sum(dim=2) * torch.arange(shown.shape[1])).sum(dim=1) / mass
    across = (shown.sum(dim=1) * torch.arange(shown.shape[2])).sum(dim=1) / mass
    return torch.stack([down, across], dim=1)


def test_a_shift_moves_each_picture_by_up_to_its_share_of_the_sides():
    data = dot()
    shown, y = changed(data, shift=0.2)
    moved = centres(shown) - 7
    np.testing.assert_allclose(shown.sum(dim=(1, 2)), 1, rtol=1e-4)  # bilinear: the weight is spread, not lost
    assert moved.abs().max() <= 0.2 * 15 + 1e-3
    assert (moved.max(dim=0).values > 2.4).all()
    assert (moved.min(dim=0).values < -2.4).all()
    assert torch.equal(y, torch.from_numpy(data.train.y))


def test_a_shift_by_exactly_one_pixel_moves_every_pixel_by_one():
    data = pictures()
    made = augmentation(Augment(shift=0.25), data, CPU)
    (affine,) = made.moves
    x = made.pictures.of_rows(batch(data)[0])
    drawn = affine.forward_parameters(x.shape)
    drawn["translations"] = torch.tensor([1.0, 0.0]).repeat(len(x), 1)
    right = affine(x, params=drawn)
    np.testing.assert_allclose(right[:, :, :, 1:], x[:, :, :, :-1], atol=1e-4)
    np.testing.assert_allclose(right[:, :, :, 0], 0, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "angle"),
    [({"rotation": 180.0}, True), ({"zoom": 0.5}, False), ({"rotation": 40, "shift": 0.2}, True)],
)
def test_turned_zoomed_and_shifted_pictures_are_those_of_scipy(changes, angle):
    """For the draws that kornia made: rotation about the middle, clockwise, then the shift."""
    data = pictures(shape=(9, 9))
    made = augmentation(Augment(**changes), data, CPU)
    (affine,) = made.moves
    x = made.pictures.of_rows(batch(data)[0])
    shown = affine(x)
    drawn = {name: value.numpy() for name, value in affine._params.items()}
    for number in range(len(x)):
        turn, scale = np.deg2rad(drawn["angle"][number]), drawn["scale"][number, 0]
        inverse = (
            np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) / scale
        )  # of (down, across)
        inverse = inverse.T
        middle = np.full(2, 4.0)
        offset = middle - inverse @ (middle + drawn["translations"][number, ::-1])
        padded = np.pad(x[number, 0].numpy(), 6)
        around = offset + 6 - inverse @ np.full(2, 6.0)
        expected = ndimage.affine_transform(padded, inverse, around, order=1)[6:-6, 6:-6]
        np.testing.assert_allclose(shown[number, 0], expected, atol=2e-3)
    assert angle == (np.abs(drawn["angle"]).max() > 0)


def test_a_picture_turned_by_a_right_angle_is_numpys():
    data = pictures(shape=(9, 9))
    made = augmentation(Augment(rotation=90.0), data, CPU)
    x = made.pictures.of_rows(batch(data)[0])
    drawn = made.moves[0].forward_parameters(x.shape)
    drawn["angle"] = torch.full((len(x),), 90.0)
    np.testing.assert_allclose(made.moves[0](x, params=drawn), x.rot90(-1, dims=(2, 3)), atol=1e-4)


@pytest.mark.parametrize(
    ("flip", "axes"), [("horizontal", [(1,)]), ("vertical", [(0,)]), ("both", [(0,), (1,), (0, 1)])]
)
def test_a_flip_mirrors_half_of_the_pictures(flip, axes):
    data = pictures(rows=200)
    shown, _ = changed(data, flip=flip)
    seen = []
    for before, after in zip(originals(data), shown, strict=True):
        (kind,) = [axis for axis in [(), *axes] if torch.equal(before.flip(axis) if axis else before, after)]
        seen.append(kind)
    for axis in [(), *axes]:
        assert abs(seen.count(axis) / 200 - 1 / (1 + len(axes))) < 0.12


def test_a_crop_shows_a_part_of_at_least_its_share_over_the_whole_picture():
    down, across = np.mgrid[:30, :20]
    x = np.stack([4 * down + 6 * across] * 60).astype(np.uint8)  # a slope: its range says which part is seen
    data = arranged(Source(name="slope", train=Pairs(x, np.arange(60) % 2), classes=("a", "b")))
    shown = 255 * changed(data, crop=0.5)[0]
    high = (shown[:, -1, 0] - shown[:, 0, 0]) / 4 + 1  # pixels of the original from top to bottom
    wide = (shown[:, 0, -1] - shown[:, 0, 0]) / 6 + 1
    share = high * wide / 600
    assert share.min() > 0.5 - 0.05  # whole pixels
    assert share.max() > 0.9
    assert (high / wide - 1.5).abs().max() < 0.15


def test_zoom_makes_pictures_larger_and_smaller_by_up_to_its_share():
    x = np.zeros((64, 21, 21), np.uint8)
    x[:, 5:16, 5:16] = 255
    data = arranged(Source(name="square", train=Pairs(x, np.arange(64) % 2), classes=("a", "b")))
    sides = changed(data, zoom=0.3)[0].sum(dim=(1, 2)).sqrt() / 11
    assert 0.68 < sides.min() < 0.75
    assert 1.25 < sides.max() < 1.32


def test_erasing_blanks_one_rectangle_of_about_the_published_size_with_its_probability():
    data = pictures(rows=400, shape=(20, 20))
    shown, _ = changed(data, erasing=0.5)
    blank = (shown == 0).numpy()
    erased = blank.any(axis=(1, 2))
    assert abs(erased.mean() - 0.5) < 0.08
    for holes in blank[erased]:
        rows, columns = holes.any(axis=1), holes.any(axis=0)
        assert holes.sum() == rows.sum() * columns.sum()  # a rectangle
        assert holes.mean() <= 0.45
    assert torch.equal(shown[~erased], originals(data)[~erased])


def test_noise_has_its_standard_deviation_and_no_mean():
    data = pictures()
    added = changed(data, noise=0.3)[0] - originals(data)
    assert added.std() == pytest.approx(0.3, rel=0.05)
    assert abs(added.mean()) < 0.02


@pytest.mark.parametrize("alpha", [0.05, 1.0])
def test_mixup_mixes_rows_and_their_targets_by_the_same_share(alpha):
    data = pictures()
    x, y = batch(data)
    shown, targets = changed(data, mixup=alpha)
    assert targets.shape == (len(x), 2)
    np.testing.assert_allclose(targets.sum(dim=1), 1, rtol=1e-6)
    for row, (mixed, target) in enumerate(zip(shown.flatten(1), targets, strict=True)):
        partners = []
        for other in range(len(x)):
            line = x[other] - x[row]
            share = ((mixed - x[row]) @ line / (line @ line)).item() if other != row else 0.0
            if torch.allclose(x[row] + share * line, mixed, atol=1e-5):
                partners.append((other, share))
        other, share = max(partners, key=lambda pair: pair[1])
        expected = torch.zeros(2).index_add(0, torch.stack([y[row], y[other]]), torch.tensor([1 - share, share]))
        np.testing.assert_allclose(target, expected, atol=1e-5)
        assert share <= 0.5 + 1e-6


def test_mixup_mixes_numbers_to_predict():
    data = table(rows=32)
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    torch.manual_seed(0)
    mixed, targets = augmentation(Augment(mixup=1.0), data, CPU)(x, y)
    joint, made = torch.cat([x, y], dim=1), torch.cat([mixed, targets], dim=1)
    for row in range(len(x)):  # on a line between this row and another, inputs and targets alike
        lines = joint - joint[row]
        shares = ((made[row] - joint[row]) * lines).sum(dim=1) / (lines**2).sum(dim=1).clamp(min=1e-9)
        assert (joint[row] + shares[:, None] * lines - made[row]).norm(dim=1).min() < 1e-4


@pytest.mark.parametrize("change", [name for name in SEVERAL if name not in ("flip", "erasing")])
def test_every_row_of_a_batch_is_changed_by_a_draw_of_its_own(change):
    data = arranged(
        Source(
            name="same",
            train=Pairs(np.repeat(pictures(2).train.x, 20, axis=0), np.repeat([0, 1], 20)),
            classes=("a", "b"),
        )
    )
    shown = changed(data, **{change: 0.5 if change == "crop" else USUAL[change]})[0][:20].flatten(1)
    different = torch.pdist(shown) > 1e-6
    assert different.float().mean() > (0.5 if change in ("mixup", "crop") else 0.99)


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (1, HEIGHT, WIDTH), (3, HEIGHT, WIDTH)])
@pytest.mark.parametrize("scaling", ["unit", "standard", "none"])
def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(shape, scaling):
    data = pictures(shape=shape, scaling=scaling)
    first, again, other = (changed(data, seed=seed, **SEVERAL)[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.isfinite().all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_each_pixels_own_scaling_does_not_travel_with_a_picture(dtype):
    """Moved and then scaled, as new pictures would be; blank is the darkest number that there is."""
    scaled, plain = (pictures(dtype=dtype, least=0, scaling=scaling) for scaling in ("standard", "none"))
    moved, raw = (changed(data, shift=0.3)[0] for data in (scaled, plain))
    np.testing.assert_allclose(moved, scaled.inputs.apply(raw.numpy()), atol=1e-3)
    assert raw[:, 0].min() == pytest.approx(0, abs=1e-3)


def test_an_autoencoder_learns_the_moved_picture_without_its_noise():
    data = pictures().reconstruction()
    x, y = torch.from_numpy(data.train.x.reshape(40, -1)) / 255, torch.from_numpy(data.train.y)
    made = augmentation(Augment(shift=0.3, noise=0.1), data, CPU, learns_itself=True)
    inputs, targets = made(x, y)
    assert (inputs - targets).std() == pytest.approx(0.1, rel=0.1)
    assert not torch.allclose(targets, y, atol=0.01)


# in training


def task(augment=SEVERAL, data=None, **fields):
    data = data or pictures(rows=120, validation=0.2, test=0.2)
    given = {"name": "digits", "validation": 0.2}
    return task_of_recipe(recipe(augment=augment, data=given, epochs=3, keep="best", **fields), data)


def test_evaluation_is_never_augmented():
    ours, plain = task(), task(augment={}, engine="torch")
    for rows in ("train", "validation", "test"):
        mine, theirs = ours.engine.evaluate(ours.rows[rows]), plain.engine.evaluate(plain.rows[rows])
        np.testing.assert_array_equal(mine.outputs, theirs.outputs)
        assert mine.loss == theirs.loss
    assert ours.engine.name == "torch"


def test_augmented_training_goes_another_way_and_repeats_with_its_seed():
    runs = [Training(task(**given)) for given in ({}, {}, {"seed": 1}, {"augment": {}, "engine": "torch"})]
    for run in runs:
        for _ in run:
            pass
    first, again, other, plain = (run.record["step_loss"] for run in runs)
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    assert (first != plain).all()


@pytest.mark.parametrize("kill_after", [1, 4, 7])
def test_an_augmented_run_killed_within_an_epoch_resumes_to_the_same_bits(tmp_path, monkeypatch, kill_after):
    monkeypatch.setattr(module, "_LATEST", 0.0)
    folder = Folder.create(tmp_path / "run")
    stretches = iter(Training(task(), folder))
    for _ in range(kill_after):
        next(stretches, None)
    del stretches
    resumed, whole = Training.resumed(task(), folder), Training(task())
    for training in (resumed, whole):
        for _ in training:
            pass
    np.testing.assert_array_equal(resumed.record["step_loss"], whole.record["step_loss"])
    for name, value in whole.task.engine.weights().items():
        np.testing.assert_array_equal(resumed.task.engine.weights()[name], value)


def test_rows_that_are_no_pictures_take_noise_and_mixup_alone():
    with pytest.raises(RecipeError, match="^augment must be noise or mixup, got 'shift, flip'"):
        task(augment=["shift", "flip", "noise"], data=images(validation=0.2))
    assert task(augment=["noise", "mixup"], data=images(validation=0.2)).engine.name == "torch"


@pytest.mark.parametrize("loss", ["cross-entropy", "bce", "mse"])
def test_mixed_targets_can_be_learned_by_every_loss_of_classes_with_weights_and_smoothing(loss):
    given = {"name": loss, "class_weights": "balanced", "label_smoothing": 0.1}
    training = Training(task(augment="mixup", loss=given))
    for _ in training:
        pass
    assert np.isfinite(training.record["step_loss"]).all()
    assert training.record["train_loss"][-1] < training.record["step_loss"][0]


# by name


@pytest.mark.parametrize("given", ["shift,rotation", ["shift", "rotation"], "shift, Rotation"])
def test_bare_names_stand_for_usual_strengths(given):
    assert recipe(augment=given).augment == Augment(shift=USUAL["shift"], rotation=USUAL["rotation"])


def test_none_is_no_change_and_an_unknown_name_is_told_the_known_ones():
    assert not recipe(augment="none").augment.is_on
    with pytest.raises(RecipeError, match="^augment must name changes, got 'shfit'. Did you mean shift"):
        recipe().edit("augment", "shfit,flip")
    assert usual("flip") == {"flip": "horizontal"}


# to be looked at


def test_versions_to_look_at_are_in_the_unit_of_their_source_and_leave_the_random_stream():
    data = pictures()
    before = torch.get_rng_state()
    x, y = versions_of(Augment(flip="both"), data, np.array([3, 5]), times=6, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert x.shape == (2, 6, HEIGHT, WIDTH)
    assert y.tolist() == [[1] * 6, [1] * 6]
    for row, place in enumerate((3, 5)):
        raw = data.train.x[place]
        kinds = [raw, raw[::-1], raw[:, ::-1], raw[::-1, ::-1]]
        assert all(any(np.allclose(kind, version, atol=1e-3) for kind in kinds) for version in x[row])
