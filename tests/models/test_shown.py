"""How models, Trainers and histories are shown: text, rich, HTML; the same content in each."""

import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

import unidl
from unidl import layers, ops
from unidl.table import Column, Table


class Cells(HTMLParser):
    """What an HTML table says, and which tags are open at its end."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag in ("td", "th", "caption", "p"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th", "caption", "p"):
            self.cells[-1] += data


def _rich(what, width=200):
    out = io.StringIO()
    Console(file=out, width=width).print(what)
    return out.getvalue()


def _same_content(shown):
    """What the HTML says is in the text and in rich's print too, in that order."""
    parsed = Cells(shown._repr_html_())
    assert parsed.open == []
    rich = re.sub(r"\s+", " ", _rich(shown))
    at = 0
    for cell in parsed.cells:
        found = rich.find(re.sub(r"\s+", " ", cell).strip(), at)
        assert found >= 0, f"{cell!r} is not in {rich[at:]}"
        at = found
    return parsed.cells


class Scale(unidl.Layer):
    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), initializer="ones")

    def forward(self, x):
        return ops.relu(x) * self.gain


def test_a_built_model(backend, capsys):
    model = unidl.Sequential([layers.Dense(4), layers.BatchNormalization(), Scale()])
    model.build((3,), backend=backend)
    model.freeze("dense")
    cells = _same_content(model)
    assert cells[0].startswith(f"sequential: {backend}, float32, on ")
    assert cells[1:6] == ["path", "layer", "output", "parameters", "runs as"]
    assert cells[6:10] == ["dense", "Dense", "(·, 4)", "16"]
    assert "(frozen)" in cells[10]
    assert cells[-1] == "28 parameters, 16 of them frozen; 8 numbers of state"
    model.summary()
    assert capsys.readouterr().out.split() == _rich(model, 120).split()


def test_a_model_that_is_not_built():
    class Net(unidl.Model):
        def __init__(self, units):
            self.blocks = [layers.Dense(units, activation=ops.relu), Scale()]

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    cells = _same_content(Net(7))
    assert cells[0] == "net: not built"
    assert cells[1:4] == ["path", "layer", "arguments"]
    assert cells[4:10] == ["blocks/0", "Dense", "units=7, activation=<op relu>", "blocks/1", "Scale", ""]
    assert "builds it" in cells[-1]
    assert not Net(7).is_built


def test_a_functional_model_that_is_not_built():
    x = unidl.Input((3,))
    cells = _same_content(unidl.Model(x, layers.Dense(2)(x)))
    assert "symbolic" not in " ".join(cells)
    assert cells[4:7] == ["dense", "Dense", "units=2"]


def test_a_part_of_a_model_is_shown_as_the_root_of_its_paths():
    inner = unidl.Sequential([layers.Dense(2)], name="inner")
    unidl.Sequential([layers.Dense(3), inner]).build((3,), backend="torch")
    assert _same_content(inner)[6] == "dense"


def test_nothing_is_read_as_markup():
    table = Table("<b>t</b> [bold]", (Column("[red]a&b"),), (("<script>x</script> [/]",),), ("[link=x]n</div>",))
    cells = _same_content(table)
    assert cells == ["<b>t</b> [bold]", "[red]a&b", "<script>x</script> [/]", "[link=x]n</div>"]
    assert "<script>" not in table._repr_html_()


def test_colours_are_those_of_the_surroundings():
    style = re.search(r"<style>(.*?)</style>", unidl.Sequential([layers.Dense(2)])._repr_html_(), re.S)[1]
    colours = re.findall(r"(?:color|background|border[\w-]*): ([^;}]+)", style)
    assert set(colours) <= {"inherit", "transparent", "0", "collapse", "1px solid rgba(128, 128, 128, 0.4)"}
    assert all(
        line.startswith(".unidl") for line in style.strip().splitlines()
    )  # the page's own tables stay as they are


def test_reprs_are_short():
    assert repr(unidl.Sequential([layers.Dense(2)])) == "Sequential(layers=[Dense(units=2)])"
    assert repr(unidl.Sequential([layers.Dense(2) for _ in range(40)])) == "<Sequential 'sequential' of 40 layers>"
    history = unidl.History([{"loss": 1.0, "seconds": 2.0}] * 500, np.ones(1000))
    assert repr(history) == "<History of 500 epochs, 1000 steps: loss 1.0000 → 1.0000>"
    assert (
        repr(unidl.History([], np.zeros(0), "Ctrl-C")) == "<History of 0 epochs, 0 steps: no numbers; stopped: Ctrl-C>"
    )


def test_a_history():
    epochs = [{"loss": 2.0, "<m>": 1e-7}, {"loss": float("nan"), "<m>": 3.0, "val_loss": 1.0}]
    history = unidl.History(epochs, np.ones(6), "a callback asked for it")
    cells = _same_content(history)
    assert cells[:5] == ["History", "epoch", "loss", "<m>", "val_loss"]
    assert cells[5:13] == ["1", "2.0000", "1.000e-07", "", "2", "nan", "3.0000", "1.0000"]
    assert cells[13:] == ["6 steps", "stopped: a callback asked for it"]
    assert str(history).split() == _rich(history).split()


def test_a_long_history_is_shown_by_its_ends():
    history = unidl.History([{"loss": float(i)} for i in range(100)], np.ones(100))
    cells = _same_content(history)
    assert cells[2 + 1 :][: 2 * 10 : 2] == [str(i) for i in range(1, 11)]
    assert cells.count("…") == 2
    assert cells[-3:-2] == ["99.0000"]
    assert "epochs 11 to 90 are left out here; history.epochs has them" in cells


def test_a_trainer():
    model = unidl.Sequential([layers.Dense(2)])
    trainer = unidl.Trainer(model, loss="mse", optimizer=unidl.optimizers.SGD(0.1), metrics=["accuracy"], jit="auto")
    assert repr(trainer) == (
        "<Trainer of Sequential 'sequential': loss MSE(), optimizer SGD(learning_rate=0.1), metrics accuracy, jit 'auto'; "
        "0 epochs and 0 steps done>"
    )
    cells = _same_content(trainer)
    assert cells[0] == "sequential: not built"
    assert cells[-2] == "Trainer: loss MSE(), optimizer SGD(learning_rate=0.1), metrics accuracy, jit 'auto'"

    class Alternating(unidl.Trainer):
        def training_step(self, batch):
            return None

    several = Alternating(model, optimizer={"d": "adam", "g": "sgd"})
    assert "a loss of its own, optimizer d: Adam(), g: SGD()" in repr(several)


@pytest.mark.parametrize("name", ["_repr_png_", "_ipython_display_", "_repr_mimebundle_"])
def test_a_notebook_finds_no_other_representation(name):
    assert not hasattr(unidl.Sequential([layers.Dense(2)]), name)
