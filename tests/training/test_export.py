"""Exported files say what the run says, in a process that knows nothing of unstuck."""

import io
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import unstuck
from unstuck import extras
from unstuck.errors import ExtraError, RunError

onnxruntime = pytest.importorskip("onnxruntime")


def trained(data, **fields):
    table = {"data": data, "epochs": 2, "batch_size": 16} | fields
    return unstuck.train(unstuck.Recipe.model_validate(table))


def own():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.BatchNorm1d(12), nn.Dropout(0.5), nn.Linear(12, 10))


SMALL = {"name": "digits", "rows": 300}
CASES = {
    "perceptron": {"data": "iris"},
    "sigmoids": {"data": "iris", "loss": "bce"},
    "numbers": {"data": "diabetes", "model": {"hidden": [8]}},
    "convolutions": {"data": SMALL, "model": {"name": "resnet", "depth": 8, "width": 4}},
    "recurrent": {"data": SMALL, "model": {"name": "lstm", "hidden": 6, "directions": 2}},
    "own": {"data": SMALL, "model": f"{__name__}:own"},
}


@pytest.mark.parametrize("case", CASES)
def test_onnx_says_what_the_run_says_of_any_number_of_raw_rows(case, tmp_path):
    run = trained(**CASES[case])
    path = unstuck.export(run, tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [one.name for one in (*session.get_inputs(), *session.get_outputs())] == ["x", "y"]
    x = run.predictor.inputs.undo(np.random.default_rng(1).normal(size=(7, *run.facts.intake.shape)))
    for rows in (1, 7):
        some = x[:rows].astype(np.float32)
        said = session.run(["y"], {"x": some})[0]
        np.testing.assert_allclose(said, run.probabilities(some), rtol=1e-5, atol=1e-5)


def test_classes_and_unit_are_in_the_file(tmp_path):
    path = unstuck.export(trained("iris"), tmp_path / "a.onnx")
    said = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert json.loads(said["classes"]) == ["setosa", "versicolor", "virginica"]
    assert said["unit"] == "probability"


def test_torchs_program_is_read_without_unstuck(tmp_path):
    run = trained(SMALL, model={"hidden": [8]})
    path = unstuck.export(run, tmp_path / "a.pt2", format="torch")
    x = np.random.default_rng(1).integers(0, 17, (5, 8, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    program = (
        "import sys, numpy, torch; path, x, y = sys.argv[1:]\n"
        "said = torch.export.load(path).module()(torch.from_numpy(numpy.load(x)))\n"
        "numpy.save(y, said.detach().numpy()); assert 'unstuck' not in sys.modules"
    )
    command = [sys.executable, "-c", program, path, tmp_path / "x.npy", tmp_path / "y.npy"]
    subprocess.run(command, check=True, cwd=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), run.probabilities(x), atol=1e-5)
    extra = {"unstuck.json": ""}
    torch.export.load(io.BytesIO(path.read_bytes()), extra_files=extra)
    assert json.loads(extra["unstuck.json"])["data"] == "digits"


def test_columns_far_from_zero_go_in_as_float64(tmp_path):
    seconds = 1.7e9 + np.arange(200.0)
    np.savez(tmp_path / "t.npz", x=seconds[:, None], y=np.sin(seconds / 50))
    run = trained({"path": str(tmp_path / "t.npz"), "task": "regression"}, model={"hidden": [8]})
    module = torch.export.load(unstuck.export(run, tmp_path / "a.pt2", format="torch")).module()
    said = module(torch.from_numpy(seconds[:, None])).detach().numpy()
    np.testing.assert_allclose(said, run.predict(seconds[:, None]), atol=1e-4)


def test_exporting_changes_neither_the_run_nor_its_model(tmp_path):
    module = own()
    program = unstuck.Program(
        model=module,
        train=(torch.rand(40, 64), torch.arange(40) % 10),
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        epochs=1,
    )
    run = unstuck.train(program)
    x = torch.rand(4, 64)
    before = run.probabilities(x)
    path = unstuck.export(run, tmp_path / "a.pt2", format="torch")
    torch.testing.assert_close(torch.export.load(path).module()(x).detach().numpy(), before)
    np.testing.assert_array_equal(run.probabilities(x), before)
    assert all(parameter.requires_grad for parameter in run.predictor.model.parameters())


def test_sequences_of_different_lengths_are_refused(tmp_path):
    run = trained(**CASES["recurrent"])
    facts = replace(run.facts, is_padded=True)
    padded = replace(run, facts=facts, predictor=replace(run.predictor, facts=facts))
    with pytest.raises(RunError, match="sequences to their own ends"):
        unstuck.export(padded, tmp_path / "a.onnx")


def test_a_file_in_the_way_another_ending_and_a_missing_package_are_one_line(tmp_path, monkeypatch):
    run = trained("iris", epochs=1)
    (tmp_path / "a.onnx").write_text("mine")
    with pytest.raises(RunError, match="exists already"):
        unstuck.export(run, tmp_path / "a.onnx")
    with pytest.raises(RunError, match="must end in .pt2"):
        unstuck.export(run, tmp_path / "b.onnx", format="torch")
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None if name == "onnx" else name)
    with pytest.raises(ExtraError, match=r"onnx must be installed.*Type: pip install 'unstuck\[onnx\]'"):
        unstuck.export(run, tmp_path / "b.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]
