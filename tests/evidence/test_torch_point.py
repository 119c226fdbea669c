"""Where a training has ended is told from the Hessian, and nothing where it cannot be had."""

import pytest
import torch
from torch import nn

from unstuck.diagnosis.symptoms import points
from unstuck.evidence import torch_point
from unstuck.evidence.torch_point import of_point
from unstuck.training.program import Program
from unstuck.training.run import conclude
from unstuck.training.task import task_of_program
from unstuck.training.training import Training


def ended(model, loss=None, epochs=1, lr=1e-9):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(60, 2, generator=draw)
    program = Program(
        model=model,
        train=(x, x.sum(1, keepdim=True)),
        loss=loss or nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=lr),
        epochs=epochs,
    )
    training = Training(task_of_program(program, device="cpu"))
    for _ in training:
        pass
    return conclude(training)


def still(module):
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def linear_pair():
    return still(nn.Sequential(nn.Linear(2, 3, bias=False), nn.Linear(3, 1, bias=False)))


def seen(evidence):
    return [symptom.id for symptom in points.SYMPTOMS if symptom.look(evidence)]


def test_two_linear_layers_that_never_left_the_origin_are_at_a_saddle():
    evidence = of_point(ended(linear_pair), seed=0)
    assert seen(evidence) == ["at-a-saddle"]
    assert evidence.number("point_smallest") < -evidence.number("point_smallest_error")
    assert evidence.number("point_escaped") < evidence.number("point_loss")


def test_a_line_that_is_fitted_is_in_a_minimum():
    assert seen(of_point(ended(lambda: nn.Linear(2, 1), epochs=400, lr=0.3), seed=0)) == ["in-a-minimum"]


def test_layers_behind_a_dead_relu_are_on_a_plateau():
    def dead():
        net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1, bias=False))
        nn.init.constant_(net[0].bias, -100.0)
        return net

    assert seen(of_point(ended(dead), seed=0)) == ["on-a-plateau"]


def test_a_training_on_its_way_is_nowhere():
    assert seen(of_point(ended(lambda: nn.Linear(2, 1)), seed=0)) == []


@pytest.mark.parametrize(("most", "is_known"), [(9, True), (8, False)])
def test_large_networks_are_not_asked(monkeypatch, most, is_known):
    monkeypatch.setattr(torch_point, "MOST", most)
    assert bool(of_point(ended(linear_pair), seed=0)) == is_known


def test_a_model_that_cannot_be_examined_gives_nothing():
    class Cast(nn.Linear):
        def forward(self, x):
            return super().forward(x.float())

    assert not of_point(ended(lambda: Cast(2, 1)), seed=0)
