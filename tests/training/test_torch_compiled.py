"""Precision and compilation: what they change, and what they say of themselves."""

import numpy as np
import pytest

from cases import images, recipe
from unstuck.training.run import conclude
from unstuck.training.task import task_of_recipe
from unstuck.training.training import Training

MODEL = {"hidden": [16], "dropout": 0.3}


def through(**fields):
    training = Training(task_of_recipe(recipe(engine="torch", epochs=1, model=MODEL, **fields), images()))
    for _ in training:
        pass
    return conclude(training)


def test_bf16_changes_the_losses_by_its_rounding_leaves_the_weights_float32_and_says_so():
    plain, short = through(), through(precision="bf16")
    ours, theirs = (run.record["step_loss"] for run in (short, plain))
    assert (ours != theirs).any()
    np.testing.assert_allclose(ours, theirs, rtol=0.05)  # bfloat16 has 8 bits: each product is off by up to 0.4 %
    assert {value.dtype for value in short.weights.values()} == {np.dtype(np.float32)}
    assert [note.split(":")[0] for note in short.notes] == ["bf16"]
    assert plain.notes == ()


# importing inductor makes a class in a way that torch itself has deprecated
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")
def test_a_compiled_network_trains_the_same_to_rounding_and_says_what_was_compiled():
    plain, compiled = through(), through(compile=True)
    np.testing.assert_allclose(compiled.record["step_loss"], plain.record["step_loss"], rtol=1e-4)
    assert compiled.weights.keys() == plain.weights.keys()
    assert compiled.notes[0].startswith("torch.compile: ")
    assert " graphs, 1 break between them, compiled in " in compiled.notes[0]


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")
def test_what_cannot_be_compiled_is_one_line(monkeypatch):
    import torch._inductor.config

    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", (None, "no-such-compiler"))
    monkeypatch.setattr(torch._inductor.config, "force_disable_caches", True)
    torch._dynamo.reset()
    from unstuck.errors import ProgramError

    with pytest.raises(ProgramError, match=r"compile must be left out here: torch\.compile said"):
        through(compile=True)
    torch._dynamo.reset()
