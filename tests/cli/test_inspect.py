"""`unidl inspect`: what it prints, and what its exit codes mean."""

import json

import numpy as np
import pytest

import unidl
from unidl import layers
from unidl.cli import main
from unidl.cli.exit_code import DONE, FAILED, UNAVAILABLE, WRONG_COMMAND
from unidl.errors import ArgumentError
from unidl.insight.inspections.example import LENGTH, example_of
from unidl.inspection import inspection

SCRIPT = """
import numpy as np
import unidl
from unidl import layers

x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
y = np.arange(40) % 2
model = unidl.Sequential([layers.Dense(4), layers.Dense(2)])
trainer = unidl.Trainer(model, loss="cross_entropy")
built = unidl.Sequential([layers.Dense(2)]).build((3,), backend="torch")
other = unidl.Trainer(built, loss="cross_entropy")
number = 3
"""


@pytest.fixture(autouse=True)
def _nobody_chose(nobody_chose):
    pass


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return str(path)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.unidl"
    unidl.Sequential([layers.Embedding(7, 3), layers.LSTM(4), layers.Dense(2)]).build(
        unidl.Input((None,), dtype="int64"), backend="torch"
    ).save(path)
    return str(path)


def test_a_saved_model_on_made_up_inputs(saved, capsys):
    assert main(["inspect", saved, "--fast", "--batch-size", "5"]) == DONE
    told = capsys.readouterr().out
    assert "model 'sequential' on torch" in told
    assert f"(5, {LENGTH}, 3)" in told


def test_on_another_backend(saved, capsys):
    assert main(["inspect", saved, "--fast", "--backend", "tensorflow"]) == DONE
    assert "model 'sequential' on tensorflow" in capsys.readouterr().out


def test_as_json(script, capsys):
    assert main(["inspect", f"{script}:model", "--data", "x", "--fast", "--json", "--batch-size", "8"]) == DONE
    seen = unidl.Inspection.from_data(json.loads(capsys.readouterr().out))
    assert (seen.subject, seen.costs[0].output_shapes) == ("model", ((8, 2),))


def test_a_training_step(script, capsys):
    assert main(["inspect", f"{script}:trainer", "--data", "x,y", "--fast"]) == DONE
    assert "step 'sequential' on" in capsys.readouterr().out


def test_a_built_one_is_converted(script, capsys):
    assert main(["inspect", f"{script}:built", "--fast", "--backend", "tensorflow"]) == DONE
    assert main(["inspect", f"{script}:other", "--data", "x,y", "--fast", "--backend", "tensorflow"]) == DONE
    assert capsys.readouterr().out.count("on tensorflow\n") == 2


def test_what_is_drawn(script, tmp_path, monkeypatch, capsys):
    """The command hands over to what draws; here something else stands for it."""
    page = tmp_path / "seen.html"
    monkeypatch.setitem(inspection.SHOWN, "svg", lambda graph: f"<svg>{graph.name}</svg>")
    monkeypatch.setitem(inspection.SHOWN, "page", lambda path, seen: page.write_text(seen.name))
    word = f"{script}:built"
    assert main(["inspect", word, "--fast", "--svg", "aten", "--html", str(page)]) == DONE
    assert capsys.readouterr().out == "<svg>aten</svg>\n"
    assert page.read_text() == "sequential"
    assert main(["inspect", word, "--fast", "--svg", "nothing"]) == WRONG_COMMAND
    assert "no graph 'nothing'" in capsys.readouterr().err
    assert main(["inspect", word, "--fast", "--html", str(tmp_path / "seen.pdf")]) == WRONG_COMMAND
    monkeypatch.setitem(inspection.SHOWN, "page", lambda path, seen: (tmp_path / "no" / "seen.html").write_text(""))
    assert main(["inspect", word, "--fast", "--html", str(page)]) == FAILED


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["{folder}/none.unidl"], WRONG_COMMAND, "there is no file"),
        (["{script}:nothing"], WRONG_COMMAND, "makes no 'nothing'"),
        (["{script}:number"], WRONG_COMMAND, "is a int, neither a model nor a Trainer"),
        (["{script}"], WRONG_COMMAND, "makes several Trainers: say which"),
        (["{script}:trainer"], WRONG_COMMAND, "--data x,y names"),
        (["{script}:trainer", "--data", "x,z"], WRONG_COMMAND, "makes no 'z'"),
        (["{script}:built", "--batch-size", "0"], WRONG_COMMAND, "--batch-size is at least 1"),
        (["{saved}", "--data", "x"], WRONG_COMMAND, "this is a saved model"),
        (["{script}:built", "--backend", "pytorch"], UNAVAILABLE, "Write torch"),
        (["{script}:built", "--data", "y"], FAILED, "the shape that the model was built for"),
        (["{script}:model"], FAILED, "is not built yet"),
    ],
)
def test_exit_codes(words, code, told, script, saved, tmp_path, capsys):
    filled = [word.format(folder=tmp_path, script=script, saved=saved) for word in words]
    assert main(["inspect", *filled, "--fast"]) == code
    assert told in capsys.readouterr().err


def test_the_only_model_of_a_script(tmp_path, capsys):
    path = tmp_path / "one.py"
    path.write_text(
        "import unidl\nnet = unidl.Sequential([unidl.layers.Dense(2)]).build((3,), backend='torch')\nalias = net\n"
    )
    assert main(["inspect", str(path), "--fast"]) == DONE
    path.write_text("number = 1\n")
    assert main(["inspect", str(path), "--fast"]) == WRONG_COMMAND
    assert "neither a model nor a Trainer" in capsys.readouterr().err


def test_made_up_inputs():
    model = unidl.Sequential([layers.Dense(2)]).build(unidl.Input((None, 3)), backend="torch")
    (x,) = example_of(model, 4)
    assert (x.shape, x.dtype) == ((4, LENGTH, 3), np.float32)

    class Named(unidl.Model):
        def forward(self, x, *, shift):
            return x + shift

    named = Named()
    named(np.ones((2, 3), "float32"), shift=np.ones((2, 3), "float32"))
    with pytest.raises(ArgumentError, match="by name"):
        example_of(named, 2)
