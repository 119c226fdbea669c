"""A graph as a picture and a page: laid out from left to right, whole, and without the network."""

import json
import re
from xml.etree import ElementTree

import pytest

from cases import images, recipe
from unstuck.explain.explanation import Explanation
from unstuck.report import graph_page
from unstuck.report.view.graph import GraphView


@pytest.fixture(scope="module")
def view():
    told = Explanation.of(recipe(model={"hidden": [3], "activation": "sigmoid"}), images(features=2), rows=2)
    return GraphView.of(told)


def test_every_node_stands_right_of_those_it_was_made_from(view):
    across = {mark.number: mark.x for mark in view.marks}
    for mark in view.marks:
        assert all(across[number] < mark.x for number in mark.inputs)


def test_no_two_nodes_stand_in_one_place_and_all_are_inside(view):
    places = [(mark.x, mark.y) for mark in view.marks]
    assert len({*places}) == len(places)
    assert all(0 < x < view.width and 0 < y < view.height for x, y in places)


def test_the_picture_has_a_box_for_each_node_and_an_edge_for_each_input(view):
    root = ElementTree.fromstring(graph_page.svg(view))  # raises unless it is well-formed
    ids = {node.get("id") for node in root.iter() if node.get("id")}
    assert ids == {f"n{mark.number}" for mark in view.marks}
    edges = [node for node in root.iter() if node.tag.endswith("path")]
    assert len(edges) == sum(len(mark.inputs) for mark in view.marks)


def test_the_page_is_small_and_asks_nobody(view):
    page = graph_page.page(view)
    assert len(page) < 100_000
    assert not re.search(r"(src|href)=|@import|fetch\(", page)
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    told = json.loads(re.search(r'id="told">(.*?)</script>', page, re.DOTALL)[1])
    assert [node["number"] for node in told["nodes"]] == [mark.number for mark in view.marks]
    assert "{{" not in page
