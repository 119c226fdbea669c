import json
import re

import pytest


def test_a_small_network_is_told_node_by_node_and_checked(unstuck):
    code, out, err = unstuck(
        "explain", "xor", "--model.hidden", 3, "--model.activation", "sigmoid", "--rows", 2, "--check"
    )
    assert (code, err) == (0, "")
    assert "sigmoid(" in out
    assert "times y (1 - y)" in out
    assert "Gradient check" in out
    assert re.search(r"the gradients of 4 +weights are kept", " ".join(out.split()))


def test_a_network_too_large_to_draw_is_told_by_its_layers(unstuck):
    code, out, _ = unstuck("explain", "digits", "--model.hidden", ",".join(["16"] * 12))
    assert code == 0
    assert "Forward" not in out
    assert out.count("linear") == 13


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["xor", "--rows", "0"], "rows must be 1 to"),
        (["xor", "--model.normalization", "batch", "--rows", "1"], "rows must be 2 or more"),
        (["xorr"], "Did you mean xor?"),
    ],
)
def test_misuse_is_one_line(unstuck, arguments, hint):
    code, out, err = unstuck("explain", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert hint in line


def test_a_page_and_a_picture_are_written(unstuck, tmp_path):
    for name, begins in (("g.html", "<!doctype html>"), ("g.svg", "<svg ")):
        assert unstuck("explain", "xor", "--model.hidden", 3, "--rows", 2, "--out", name)[0] == 0
        assert (tmp_path / name).read_text().startswith(begins)


def test_what_cannot_be_drawn_is_one_line(unstuck, tmp_path):
    code, _, err = unstuck("explain", "xor", "--out", "g.png")
    assert (code, "--out must end in .html or .svg" in err) == (2, True)
    assert not list(tmp_path.iterdir())


def test_a_network_too_large_to_draw_is_drawn_by_its_layers(unstuck, tmp_path):
    deep = ",".join(["16"] * 12)
    assert unstuck("explain", "digits", "--model.hidden", deep, "--out", "g.svg")[0] == 0
    assert (tmp_path / "g.svg").read_text().count('class="node') == 2 + 25  # inputs, layers, loss


def test_a_run_is_explained_at_its_last_weights(unstuck):
    assert unstuck("train", "xor", "--model.hidden", 3, "--epochs", 1, "--out", "run")[0] == 0
    code, out, _ = unstuck("explain", "run", "--check")
    assert code == 0
    assert "All agree." in out
    assert "How large" not in out  # other activations would have other weights


def test_a_program_may_read_it(unstuck):
    code, out, _ = unstuck("explain", "xor", "--model.hidden", 3, "--rows", 2, "--check", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["nodes"][-1]["gradient"] == 1.0
    assert {node["name"] for node in told["nodes"] if node["is_kept"]} == {one["name"] for one in told["checks"]}
    assert all(one["agrees"] for one in told["checks"])
    assert told["fading"].keys() == {"sigmoid", "tanh", "relu"}
