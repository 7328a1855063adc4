"""unidl.plot: curves of histories and layers of models, as SVG, PNG and HTML, and with characters."""

import io
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from rich.console import Console

import unidl
from unidl import layers, ops
from unidl.backends import registry
from unidl.errors import ArgumentError, MissingPackageError, NotBuiltError
from unidl.insight.plots import curves
from unidl.inspection.layer_graph import layer_graph

SVG = "{http://www.w3.org/2000/svg}"


def _history(scale=1.0):
    epochs = [
        {"loss": scale * 3.0 / (i + 1), "accuracy": 0.2 * i, "seconds": 0.5, "val_loss": scale * 4.0 / (i + 1)}
        for i in range(4)
    ]
    return unidl.History(epochs, scale * np.linspace(4, 1, 12))


def test_panels_are_the_steps_and_each_number_beside_its_validation():
    drawn = curves.panels({"": _history()})
    assert [(panel.title, panel.axis, [curve.label for curve in panel.curves]) for panel in drawn] == [
        ("loss of each step", "step", ["loss"]),
        ("loss", "epoch", ["loss", "val_loss"]),
        ("accuracy", "epoch", ["accuracy"]),
    ]
    loss, held_out = drawn[1].curves
    assert (loss.held_out, held_out.held_out) == (False, True)
    assert loss.x.tolist() == [1, 2, 3, 4]
    assert held_out.y.tolist() == [4.0, 2.0, 4 / 3, 1.0]


def test_several_histories_are_laid_over_one_another():
    drawn = curves.panels({"torch": _history(), "keras": _history(2.0)})
    assert [curve.label for curve in drawn[1].curves] == [
        "torch: loss",
        "torch: val_loss",
        "keras: loss",
        "keras: val_loss",
    ]
    assert [curve.run for curve in drawn[1].curves] == [0, 0, 1, 1]


def test_many_steps_are_drawn_as_means():
    drawn = curves.panels({"": unidl.History([], np.arange(2_500, dtype="float64"))})
    (curve,) = drawn[0].curves
    assert drawn[0].axis == "step (means of 3)"
    assert len(curve.x) == 834
    assert (curve.x[0], curve.y[0]) == (2.0, 1.0)
    assert (curve.x[-1], curve.y[-1]) == (2500.0, 2499.0)


@pytest.mark.parametrize(
    "history",
    [
        unidl.History([{"loss": 1.0}], np.ones(1)),
        unidl.History([{"loss": 1.0}, {"loss": np.nan}, {"loss": np.inf}], np.array([1.0, np.nan, np.inf])),
        unidl.History([{"loss": 0.0}, {"loss": 0.0}], np.zeros(2)),
        unidl.History([{"loss": 1e-9}, {"loss": 1e12}], np.array([1e-9, 1e12])),
        unidl.History([{"score": 2.0}], np.full(3, np.nan)),
    ],
    ids=["one point", "no numbers", "constant", "huge", "a step without a loss"],
)
def test_odd_histories_are_drawn(history):
    plot = unidl.plot(history)
    assert str(plot).strip()
    ET.fromstring(plot._repr_svg_())


def test_a_history_without_a_number_is_an_empty_picture():
    plot = unidl.plot(unidl.History([], np.zeros(0), "Ctrl-C"))
    assert str(plot) == ""
    ET.fromstring(plot._repr_svg_())


def test_the_svg_has_its_surroundings_colours_and_is_the_same_each_time():
    plot = unidl.plot(_history())
    text = plot._repr_html_()
    assert "<svg" in text
    assert "currentColor" in text
    assert curves.INK not in text
    assert "black" not in text
    assert "#000000" not in text
    assert "prefers-color-scheme" not in text  # the notebook's theme decides, and a style would reach its page
    assert "@media (prefers-color-scheme:dark)" in plot._repr_svg_()  # a file of its own follows the reader
    assert text == unidl.plot(_history())._repr_html_()


def test_names_are_escaped():
    plot = unidl.plot({"<b>&": _history()})
    assert "<b>" not in plot._repr_html_()
    ET.fromstring(plot._repr_svg_())
    assert "<b>&: loss" in str(plot)


def test_files(tmp_path):
    plot = unidl.plot(_history())
    for name in ("x.svg", "x.png", "x.html"):
        plot.save(tmp_path / name)
    assert ET.parse(tmp_path / "x.svg").getroot().tag == f"{SVG}svg"
    assert (tmp_path / "x.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    page = (tmp_path / "x.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<svg" in page
    assert not re.search(r"(src|href)=\"https?:", page)
    with pytest.raises(ArgumentError, match=r"cannot be saved as 'x\.gif'"):
        plot.save(tmp_path / "x.gif")


def test_in_a_terminal(monkeypatch):
    plot = unidl.plot(_history())
    assert repr(plot) == "<Plot of a history: print() draws it here, .save() writes a file>"
    told = str(plot)
    assert "loss  (a loss, b val_loss)" in told
    assert "\x1b[" not in told
    assert max(map(len, told.splitlines())) <= 79
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # plotille asks itself whether this is a terminal
    coloured = io.StringIO()
    Console(file=coloured, force_terminal=True, color_system="standard", width=80).print(plot)
    assert "\x1b[" in coloured.getvalue()


@pytest.mark.parametrize("package", ["matplotlib", "plotille"])
def test_a_missing_package_names_the_extra(package, monkeypatch):
    monkeypatch.setattr(registry, "_is_installed", lambda name: name != package)
    with pytest.raises(MissingPackageError, match=rf"need the package '{package}'(.|\n)*\.\[plot\]"):
        unidl.plot(_history())


@pytest.mark.parametrize("what", [3, {"a": 3}, {}, [_history()]])
def test_what_cannot_be_drawn(what):
    with pytest.raises(ArgumentError, match="plot does not know what to draw"):
        unidl.plot(what)


class Residual(unidl.Layer):
    def __init__(self, units):
        self.inner = layers.Dense(units)

    def forward(self, x):
        return ops.relu(self.inner(x) + x)


def _edges(graph):
    return [(edge.source, edge.target) for edge in graph.edges]


def test_the_layers_of_a_model(backend):
    model = unidl.Sequential([layers.Dense(4), Residual(4), layers.Dense(2)]).build((3,), backend=backend)
    graph = layer_graph(model)
    assert _edges(graph) == [
        ("input", "dense"),
        ("dense", "residual/inner"),
        ("residual/inner", "residual/add:1"),
        ("dense", "residual/add:1"),
        ("residual/add:1", "residual/relu:1"),
        ("residual/relu:1", "dense_2"),
        ("dense_2", "output"),
    ]
    parents = {node.id: node.parent for node in graph.nodes}
    assert parents["residual/inner"] == parents["residual/add:1"] == "residual"
    assert parents["residual"] == parents["dense"] == ""
    assert str(unidl.plot(model)) == (
        "The layers of sequential\n"
        "├── input  (·, 3)\n"
        "├── dense  Dense  (·, 4)\n"
        "├── residual  Residual  (·, 4)\n"
        "│   ├── residual/inner  Dense  (·, 4)\n"
        "│   ├── add  op  (·, 4)  ← residual/inner, dense\n"
        "│   └── relu  op  (·, 4)\n"
        "├── dense_2  Dense  (·, 2)\n"
        "└── output  (·, 2)"
    )


def test_many_inputs_a_shared_layer_and_no_backend():
    a, b = unidl.Input((3,)), unidl.Input((3,))
    shared = layers.Dense(2, name="shared")
    model = unidl.Model([a, b], ops.concatenate([shared(a), shared(b)], axis=-1))
    edges = _edges(layer_graph(model))
    assert not model.is_built
    assert ("input 1", "shared") in edges
    assert ("input 2", "shared") in edges
    assert ("shared", "concatenate:1") in edges
    assert ("concatenate:1", "output") in edges


def test_a_shared_layer_that_holds_others_stays_closed():
    x = unidl.Input((4,))
    block = Residual(4)
    model = unidl.Model(x, block(block(x)))
    assert ("input", "residual") in _edges(layer_graph(model))
    assert all(node.parent == "" for node in layer_graph(model).nodes)


def test_a_dynamic_model_says_so():
    class Loop(unidl.Model):
        def forward(self, x):
            return x * 2.0 if ops.max(x) < 1.0 else x

    assert "The data decides what runs" in str(unidl.plot(Loop().build((2,), backend="torch")))


def test_a_model_that_does_not_know_its_inputs():
    with pytest.raises(NotBuiltError):
        unidl.plot(unidl.Sequential([layers.Dense(2)]))


def test_the_layers_as_svg(tmp_path):
    plot = unidl.plot(unidl.Sequential([layers.Dense(4), Residual(4)]).build((3,), backend="torch"))
    root = ET.fromstring(plot._repr_svg_())
    assert root.tag == f"{SVG}svg"
    text = " ".join(root.itertext())
    assert "residual/inner" in text
    plot.save(tmp_path / "m.svg")
    plot.save(tmp_path / "m.html")
    with pytest.raises(ArgumentError, match=r"Expected: one of the endings \.svg, \.html"):
        plot.save(tmp_path / "m.png")
