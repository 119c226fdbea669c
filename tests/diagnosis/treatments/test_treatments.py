"""Every treatment of live programs: what it changes, what it leaves, and that anybody can train what it gives."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from healthy import HEALTHY, trained
from unstuck.diagnosis.treatments.table import TREATMENTS
from unstuck.evidence.torch_facts import facts_of


def treated(id, program, facts=None):
    return TREATMENTS[id].treat(program, facts or facts_of(program, seed=0))


@pytest.fixture(scope="module", params=HEALTHY)
def healthy(request):
    program = HEALTHY[request.param]()
    return program, facts_of(program, seed=0)


def brief(program):
    x, y = program.train
    return replace(program, train=(x[:48], y[:48]), epochs=1, batch_size=min(program.batch_size, 48))


def test_what_any_treatment_gives_trains_by_a_plain_loop(healthy):
    program, facts = healthy
    for id in TREATMENTS:
        if done := treated(id, program, facts):
            assert np.isfinite(trained(brief(done.program))), id
            assert done.lines, id
            assert all(line[0] in "+- " for line in done.lines), id


def test_any_two_treatments_go_together_in_either_order(healthy):
    program, facts = healthy
    ids = [id for id in TREATMENTS if treated(id, program, facts)]
    for first in ids:
        once = treated(first, program, facts).program
        for second in ids:
            if twice := treated(second, once, facts):
                assert np.isfinite(trained(brief(twice.program))), (first, second)


def test_the_model_that_was_given_is_not_touched(healthy):
    program, facts = healthy
    torch.manual_seed(1)
    model = program.model()
    before, given = copy.deepcopy(model), replace(program, model=model)
    for id in TREATMENTS:
        if done := treated(id, given, facts):
            trained(brief(done.program))
    assert str(before) == str(model)
    for (name, old), new in zip(before.state_dict().items(), model.state_dict().values(), strict=True):
        torch.testing.assert_close(old, new, msg=name, rtol=0, atol=0)


def test_no_treatment_moves_the_random_streams(healthy):
    program, facts = healthy
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for id in TREATMENTS:
        treated(id, program, facts)
        assert torch.equal(before, torch.get_rng_state()), id


def test_a_treated_model_can_be_copied_and_its_weights_put_back(healthy):
    program, facts = healthy
    x = torch.as_tensor(program.train[0][:8])
    for id in TREATMENTS:
        if done := treated(id, program, facts):
            model = done.program.model().eval()
            other = done.program.model().eval()
            other.load_state_dict(model.state_dict())
            torch.testing.assert_close(other(x), model(x), msg=id)
            torch.testing.assert_close(copy.deepcopy(model)(x), model(x), msg=id)
