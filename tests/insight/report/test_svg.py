"""A graph as SVG, without a browser."""

import itertools
import random
import re
import xml.etree.ElementTree as ET

import pytest

from tests.insight.report import sample
from unidl.backends import registry
from unidl.errors import ArgumentError, MissingPackageError
from unidl.insight.drawing import svg
from unidl.inspection.graph import LANES, Edge, Graph, Node

SPACE = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def _quickjs():
    pytest.importorskip("quickjs", reason="a picture without a browser needs quickjs-ng: pip install '.[svg]'")


def boxes(text):
    """Id -> the element of a box."""
    root = ET.fromstring(text)
    return {element.get("data-id"): element for element in root.iter(f"{SPACE}g") if element.get("data-id") is not None}


def place(element):
    """Left, top, right and bottom of a box."""
    x, y = map(float, re.findall(r"-?[\d.]+", element.get("transform")))
    body = next(each for each in element if each.get("class") == "body")
    return x, y, x + float(body.get("width")), y + float(body.get("height"))


def apart(a, b):
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


GRAPHS = {
    "layers": sample.layers_graph(sample.WORDS["torch"]),
    "graph": sample.data_graph(sample.WORDS["tensorflow"]),
    "step": sample.step_graph(sample.WORDS["keras on tensorflow"]),
    "empty": Graph("graph", "Nothing", (), ()),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_picture_is_well_formed_and_stands_alone(name):
    text = svg(GRAPHS[name], boxes=200)
    root = ET.fromstring(text)
    assert root.tag == f"{SPACE}svg"
    assert root.find(f"{SPACE}title").text == GRAPHS[name].title
    assert "var(" not in text  # viewers of SVG that are no browsers know none
    assert "url(#arrow)" in text or not GRAPHS[name].edges
    assert not re.search(r"(href|src)=", text)


@pytest.mark.parametrize("name", ["layers", "graph", "step"])
def test_every_node_is_drawn_and_none_covers_another(name):
    drawn = boxes(svg(GRAPHS[name], boxes=400))
    ids = {node.id for node in GRAPHS[name].nodes}
    assert ids <= drawn.keys()
    leaves = [place(element) for element in drawn.values() if "leaf" in element.get("class").split()]
    assert all(apart(a, b) for i, a in enumerate(leaves) for b in leaves[:i])


def test_what_covers_is_seen():
    assert not apart((0, 0, 10, 10), (5, 5, 15, 15))
    assert apart((0, 0, 10, 10), (11, 0, 20, 10))


def test_holders_stay_closed_where_they_would_be_too_much():
    few = boxes(svg(GRAPHS["graph"], boxes=6))
    assert len(few) <= 6
    assert any("closed" in element.get("class") for element in few.values())


def test_a_child_lies_inside_its_open_holder():
    drawn = {key: place(element) for key, element in boxes(svg(GRAPHS["layers"], boxes=99)).items()}
    outer, inner = drawn["block"], drawn["block/hidden"]
    assert outer[0] <= inner[0]
    assert outer[1] <= inner[1]
    assert inner[2] <= outer[2]
    assert inner[3] <= outer[3]


def test_an_order_is_kept_from_top_to_bottom():
    drawn = {key: place(element) for key, element in boxes(svg(GRAPHS["graph"], boxes=99)).items()}
    assert drawn["x"][3] < drawn["conv2d/main"][1] < drawn["block/hidden/main"][1] < drawn["head/main"][1]


def test_lanes_stand_below_one_another():
    drawn = {key: place(element) for key, element in boxes(svg(GRAPHS["step"], boxes=99)).items()}
    lanes = {
        lane: [drawn[node.id] for node in GRAPHS["step"].nodes if node.lane == lane]
        for lane in ("forward", "loss", "backward", "update")
    }
    ends = [(min(top for _, top, _, _ in each), max(bottom for *_, bottom in each)) for each in lanes.values()]
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))


def test_a_layer_has_the_same_colour_in_two_pictures():
    layers = list(sample.LAYERS)
    hue = {}
    for name in ("layers", "graph"):
        for element in boxes(svg(GRAPHS[name], boxes=99, layers=layers)).values():
            if element.get("data-layer"):
                found = re.search(r"hue-\d", element.get("class")).group()
                assert hue.setdefault(element.get("data-layer"), found) == found
    assert len(set(hue.values())) == len(layers)


def test_text_is_escaped():
    graph = next(iter(sample.hostile().runs[0].inspections["model"].graphs.values()))
    text = svg(graph)
    assert "<script" not in text
    assert sample.HOSTILE[:20] in ET.fromstring(text).find(f"{SPACE}title").text


def test_a_graph_of_thousands_is_drawn():
    nodes = tuple(Node(str(i), "Add") for i in range(5000))
    edges = tuple(Edge(str(i), str(i + 1)) for i in range(4999))
    assert 1 < len(boxes(svg(Graph("graph", "A long chain", nodes, edges), boxes=30))) <= 30


def test_loops_and_edges_to_holders_are_drawn():
    nodes = (
        Node("while", "While"),
        Node("body", "Add", parent="while"),
        Node("end", "Exit", parent="while"),
        Node("out", "Identity"),
    )
    edges = (Edge("body", "end"), Edge("end", "body"), Edge("while", "out"), Edge("out", "while"), Edge("out", "out"))
    assert set(boxes(svg(Graph("graph", "A loop", nodes, edges)))) == {"while", "body", "end", "out"}


def test_an_inspection_draws_itself():
    assert sample.inspection().svg("graph") == svg(sample.inspection().graphs["graph"])


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 6, 21, 22, 24, 33])
def test_whatever_a_graph_is_like_it_is_drawn(seed):
    """dagre divides by the weights of edges, and met 0 / 0 in holders in which only some children are connected."""
    draw = random.Random(seed)
    lanes = draw.choice([("",), (*LANES, "")])
    size = draw.randint(1, 60)
    nodes = tuple(
        Node(
            f"n{i}",
            f"Op{i % 5}",
            layer=draw.choice(["", "", "a", "a/b", "a/b/c", "d", "d/0", "d/1/x"]),
            lane=draw.choice(lanes),
            parent=f"n{draw.randrange(i)}" if i and draw.random() < 0.3 else "",
        )
        for i in range(size)
    )
    edges = tuple(
        Edge(f"n{draw.randrange(size)}", f"n{draw.randrange(size)}", kind=draw.choice(["data", "control", "state"]))
        for _ in range(draw.randrange(2 * size))
    )
    text = svg(Graph("graph", "Anything", nodes, edges), boxes=draw.choice([5, 30, 400]))
    assert boxes(text)
    assert not re.search("NaN|undefined|Infinity", text)


@pytest.mark.parametrize("wanted", [0, -1, 401, 2.5, True, "many"])
def test_a_wrong_number_of_boxes_is_told(wanted):
    with pytest.raises(ArgumentError, match="from 1 to 400"):
        svg(GRAPHS["layers"], boxes=wanted)


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setattr(registry, "not_installed", list)
    with pytest.raises(MissingPackageError, match=r"pip install '\.\[svg\]'"):
        svg(GRAPHS["layers"])
