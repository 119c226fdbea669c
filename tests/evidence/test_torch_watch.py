"""Watching a training: what is seen, and that no bit of it is changed."""

import numpy as np
import pytest
import torch
from torch import nn

from ordinary import ORDINARY, classifier, noisy_step
from unstuck.evidence.torch_facts import facts_of, task_of
from unstuck.evidence.torch_watch import Watch
from unstuck.training.training import Training


def model():
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))


PROGRAMS = {
    "dropout and batch normalization": lambda: classifier(model=model),
    "a step that draws": lambda: classifier(model=model, step=noisy_step),
    "pictures": ORDINARY["pictures"],
    "attention": ORDINARY["attention"],
    "a validation set": lambda: classifier(model=model, validation=classifier().train),
}


def trained(program, *, watched):
    training = Training(task_of(program, seed=3))
    watch = Watch(training, program, facts_of(program, seed=3), seed=3)
    for _ in watch if watched else training:
        pass
    return training, watch.evidence


@pytest.mark.parametrize("name", PROGRAMS)
def test_watching_changes_no_bit(name):
    plain, _ = trained(PROGRAMS[name](), watched=False)
    watched, _ = trained(PROGRAMS[name](), watched=True)
    np.testing.assert_array_equal(plain.record["step_loss"], watched.record["step_loss"])
    for part in ("weights", "memory"):
        ours, theirs = (getattr(one.task.engine, part)() for one in (plain, watched))
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_layers_are_seen_at_the_start_after_an_epoch_half_way_and_at_the_end():
    program = classifier(epochs=8)
    training, evidence = trained(program, watched=True)
    steps = training.task.plan.steps
    for name in ("watched_layer_spread", "watched_gradient_length", "weights_moved"):
        assert evidence[name].steps == (0, steps, 4 * steps, 8 * steps)
        assert len(evidence[name].values) == 4


def test_an_update_is_measured_against_the_weights():
    program = classifier(optimizer=lambda p: torch.optim.SGD(p, lr=0.0))
    assert (trained(program, watched=True)[1]["update_ratio"].values == 0).all()
    program = classifier()
    ratio = trained(program, watched=True)[1]["update_ratio"]
    engine = task_of(program, seed=3).engine
    before = engine.weights()
    engine.advance(task_of(program, seed=3).plan.order(0)[:16], np.ones(1), 0)
    after = engine.weights()
    expected = [np.linalg.norm(after[name] - before[name]) / np.linalg.norm(before[name]) for name in ratio.along]
    np.testing.assert_allclose(ratio.values, expected, rtol=1e-4)


def test_a_training_that_breaks_down_is_seen_up_to_there():
    program = classifier(optimizer=lambda p: torch.optim.SGD(p, lr=1e30), model=lambda: nn.Linear(6, 3))
    training, evidence = trained(program, watched=True)
    assert evidence["weights_moved"].steps[0] == 0
    assert training.stop is not None
