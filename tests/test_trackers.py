"""Logs for other tools get everything, and change nothing."""

import numpy as np
import pytest

import unstuck
from unstuck import api, extras
from unstuck.errors import ExtraError, RunError
from unstuck.trackers import following

# mlflow warns of its own use of SQLAlchemy
_THEIRS = pytest.mark.filterwarnings("default")
RECIPE = {"data": "iris", "epochs": 3, "batch_size": 16}


def trained(out, log=(), **fields):
    return unstuck.train(unstuck.Recipe.model_validate(RECIPE | fields), out=out, log=log)


def scalars(accumulator, tag):
    return [(event.step, event.value) for event in accumulator.Scalars(tag)]


def read_back(folder):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = events.EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    return accumulator.Reload()


def test_tensorboard_gets_recipe_losses_epochs_scores_and_pictures(tmp_path):
    pytest.importorskip("tensorboard")
    run = trained(tmp_path / "a", ["tensorboard"])
    said = read_back(tmp_path / "tensorboard" / "a")
    np.testing.assert_allclose(
        [value for _, value in scalars(said, "step_loss")], run.record["step_loss"], rtol=1e-6
    )
    steps = [run.steps_per_epoch * epoch for epoch in (1, 2, 3)]
    assert [step for step, _ in scalars(said, "validation_loss")] == steps
    np.testing.assert_allclose([v for _, v in scalars(said, "validation_loss")], run.record["validation_loss"])
    assert scalars(said, "score/test/accuracy")[0][1] == pytest.approx(run.scores["test"]["accuracy"])
    recipe = said.Tensors("recipe/text_summary" if "recipe/text_summary" in said.Tags()["tensors"] else "recipe")
    assert b"| optimizer.lr | 0.002 |" in recipe[0].tensor_proto.string_val[0]
    assert set(said.Tags()["images"]) == {"loss", "outputs", "confusion", "mistakes"}


def test_many_steps_are_thinned_to_means(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    monkeypatch.setattr(following, "_POINTS", 5)
    run = trained(tmp_path / "a", ["tensorboard"])
    width = -(-len(run.record["step_loss"]) // 5)
    logged = scalars(read_back(tmp_path / "tensorboard" / "a"), "step_loss")
    whole = len(run.record["step_loss"]) // width
    expected = run.record["step_loss"][: whole * width].reshape(whole, width).mean(axis=1)
    np.testing.assert_allclose([value for _, value in logged], expected, rtol=1e-6)
    assert [step for step, _ in logged] == [width * (number + 1) for number in range(whole)]


def test_a_run_that_goes_on_is_logged_from_there(tmp_path):
    pytest.importorskip("tensorboard")
    training = api.begin(unstuck.Recipe.model_validate(RECIPE), out=tmp_path / "a", stem="")
    for _ in (followed := following.Followed(training, ["tensorboard"])):
        if training.done >= 9:
            training.save()
            break
    done = training.done
    for _ in (followed := following.Followed(api.resume(tmp_path / "a"), ["tensorboard"])):
        pass
    followed.finish(api.finish(followed._training))
    logged = [step for step, _ in scalars(read_back(tmp_path / "tensorboard" / "a"), "step_loss")]
    assert logged[-1] == 21
    assert [step for step in logged if step > done] == [*range(done + 1, 22)]


@pytest.mark.parametrize("tracker", ["tensorboard", pytest.param("mlflow", marks=_THEIRS), "wandb"])
@pytest.mark.parametrize("engine", ["dense", "torch"])
def test_watching_changes_nothing(tmp_path, tracker, engine):
    pytest.importorskip(tracker)
    fields = {"engine": engine, "model": {"dropout": 0.3} if engine == "torch" else {}}
    alone = trained(tmp_path / "alone", **fields)
    np.random.seed(3)
    before = np.random.get_state()[1]
    watched = trained(tmp_path / "watched", [tracker], **fields)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    for name, value in alone.weights.items():
        np.testing.assert_array_equal(watched.weights[name], value)
    np.testing.assert_array_equal(watched.record["step_loss"], alone.record["step_loss"])
    unstuck.load(tmp_path / "watched")  # still whole, with the logs beside it


@_THEIRS
def test_mlflow_gets_the_same_in_a_folder(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    run = trained(tmp_path / "a", ["mlflow"])
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("unstuck").experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.params["optimizer.lr"] == "0.002"
    assert found.data.metrics["score/test/accuracy"] == pytest.approx(run.scores["test"]["accuracy"])
    losses = client.get_metric_history(found.info.run_id, "step_loss")
    np.testing.assert_allclose([one.value for one in losses], run.record["step_loss"])
    assert len(client.list_artifacts(found.info.run_id, "figures")) == 4


def test_wandb_stays_offline(tmp_path):
    pytest.importorskip("wandb")
    trained(tmp_path / "a", ["wandb"])
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    assert list(folder.glob("*.wandb"))


def test_what_is_not_installed_or_no_tracker_leaves_nothing_behind(tmp_path, monkeypatch):
    with pytest.raises(RunError, match="Did you mean tensorboard"):
        trained(tmp_path / "a", ["tensorbord"])
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ExtraError, match=r"wandb must be installed.*Type: pip install 'unstuck\[trackers\]'"):
        trained(tmp_path / "a", ["wandb"])
    assert not list(tmp_path.iterdir())


def test_a_log_needs_a_run_folder_to_stand_beside(monkeypatch):
    pytest.importorskip("tensorboard")
    with pytest.raises(RunError, match="Give out="):
        trained(None, ["tensorboard"])
