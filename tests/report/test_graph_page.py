"""A graph as a picture and a page: laid out from left to right, whole, and without the network."""

import json
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest

from cases import images, recipe
from unstuck.explain.explanation import Explanation, fading
from unstuck.report import graph_page
from unstuck.report.view.graph import GraphView

SMALL = {"hidden": [3], "activation": "sigmoid"}
NORMED = {"hidden": [3], "normalization": "batch"}
DEEP = {"hidden": [4] * 12}


@pytest.fixture(scope="module", params=[SMALL, NORMED, DEEP], ids=["small", "normalized", "by layers"])
def view(request):
    given, data = recipe(model=request.param), images(features=2)
    return GraphView.of(Explanation.of(given, data, rows=2), fading(given, data, rows=2))


def test_every_node_stands_right_of_those_it_was_made_from_or_in_the_next_row(view):
    places = {mark.number: mark.place for mark in view.marks}
    for mark in view.marks:
        for before in (places[number] for number in mark.inputs):
            is_next_row = not view.layers and before.y + before.height / 2 < mark.place.y - mark.place.height / 2
            assert before.x < mark.place.x or is_next_row


def test_no_two_nodes_overlap_and_all_are_inside(view):
    for one, other in combinations([mark.place for mark in view.marks], 2):
        assert (
            abs(one.x - other.x) >= (one.width + other.width) / 2
            or abs(one.y - other.y) >= (one.height + other.height) / 2
        )
    for x, y, width, height in (mark.place for mark in view.marks):
        assert width / 2 < x < view.width - width / 2
        assert height / 2 < y < view.height - height / 2


def test_the_picture_has_a_box_for_each_node_and_an_edge_for_each_input(view):
    root = ElementTree.fromstring(graph_page.svg(view))  # raises unless it is well-formed
    ids = {node.get("id") for node in root.iter() if "node" in node.get("class", "").split()}
    assert ids == {f"n{mark.number}" for mark in view.marks}
    edges = [node for node in root.iter() if node.get("class") == "edge"]
    assert len(edges) == sum(len(mark.inputs) for mark in view.marks)


def test_the_page_is_small_and_asks_nobody(view):
    page = graph_page.page(view)
    assert len(page) < 100_000
    assert not re.search(r"(src|href)=|@import|fetch\(", page)
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    told = json.loads(re.search(r'id="told">(.*?)</script>', page, re.DOTALL)[1])
    assert [node["number"] for node in told] == [mark.number for mark in view.marks]
    assert "{{" not in page
