"""Names of the user's and of files are shown letter by letter: no markup, no emoji, no control character, no formula."""

import io
import json
import sys

import numpy as np
import pytest
import rich.console

import unidl
from unidl import layers, ops
from unidl.errors import FileError
from unidl.insight.comparison import Comparison, Failure, Run
from unidl.insight.comparisons.difference import difference
from unidl.inspection.timing import Timing

NAMES = (
    "[/x]",
    "[bold]a",
    "[link=file:///etc]b",
    ":smile:",
    "\x1b[31mred",
    "a\nb",
    "\x9b2J",
    "\u202eabc",
    "$a_$",
    "_under",
    "größe",
    "日本",
)
X = np.ones((16, 4), "float32")


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self):
        return True


def named(name):
    def error(targets, predictions):
        return ops.abs(targets - predictions)

    error.__name__ = name
    return error


def shown(name):
    return name.encode("unicode_escape").decode() if any(letter in name for letter in "\x1b\n\x9b\u202e") else name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_training_shows_a_metric_by_its_name(name, stream, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")  # without colours: what is left is the text
    out = stream()
    monkeypatch.setattr(sys, "stdout", out)
    trainer = unidl.Trainer(unidl.Sequential([layers.Dense(2)]), "mse", metrics=[named(name)], backend="torch")
    history = trainer.fit(X, X[:, :2], epochs=1, batch_size=2)
    assert f"  {shown(name)} " in out.getvalue()
    for text in (repr(history), str(history), repr(trainer)):
        assert shown(name) in text
        assert not any(letter in text for letter in "\x1b\x9b\u202e")
    screen = rich.console.Console(file=io.StringIO(), width=300)
    screen.print(history, trainer)
    assert shown(name) in screen.file.getvalue()
    assert shown(name).replace("<", "&lt;") in history._repr_html_()


@pytest.mark.parametrize("name", NAMES)
def test_a_plot_shows_a_metric_by_its_name(name):
    history = unidl.History([{"loss": 2.0, name: 1.0}, {"loss": 1.0, name: 0.5}], np.array([2.0, 1.0]))
    drawn = unidl.plot({"run": history})
    assert shown(name) in str(drawn)
    assert shown(name).replace("[", "[") in drawn._repr_svg_()


def comparison(name):
    run = Run(
        name,
        name,
        figures={"step": Timing(0.0, 0.0, 0.0, 1)},
        failure=Failure(name, name),
        notes=(name,),
        metrics={name: 1.0},
        exports={name: name},
    )
    return Comparison(name, name, name, {"cpu": name, "packages": {name: name}}, (run,), {name: 1.0})


@pytest.mark.parametrize("name", NAMES)
def test_a_comparison_shows_its_names(name, tmp_path):
    one = comparison(name)
    one.save(tmp_path / "c.json")
    assert Comparison.load(tmp_path / "c.json") == one
    screen = rich.console.Console(file=io.StringIO(), width=300)
    screen.print(one, difference(one, comparison(f"{name}2")))
    text = screen.file.getvalue()
    assert text.count(shown(name).partition("\\n")[0]) > 8
    assert not any(letter in text for letter in "\x1b\x9b\u202e")


WHOLE = {"name": "a", "code": "", "made": "", "machine": {}, "runs": []}


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ('{"a": 1}', "name is missing"),
        ("[]", r"it is \[\], and an object is expected"),
        ("{", "no JSON document"),
        ("\xff", "no JSON document"),
        ("[" * 100_000, "no JSON document"),
        (json.dumps(WHOLE | {"name": 3}), "name is 3, and a text is expected"),
        (json.dumps(WHOLE | {"runs": 3}), "runs is 3, and a list is expected"),
        (json.dumps(WHOLE | {"runs": [{"label": "x"}]}), r"runs\[0\].backend is missing"),
        (
            json.dumps(WHOLE | {"runs": [{"label": "x", "backend": "y", "jit": 3}]}),
            r"runs\[0\].jit is 3, and true or false or a text",
        ),
        (json.dumps(WHOLE | {"distances": {"a": "b"}}), "distances.a is 'b', and a number"),
        (json.dumps(WHOLE | {"machine": {"packages": 3}}), "machine.packages is no object"),
        (json.dumps(WHOLE | {"machine": {"load": ["\x1b"]}}), "machine.load is no list of numbers"),
        (
            json.dumps(WHOLE | {"runs": [{"label": "x", "backend": "y", "debugging": {"hits": "3"}}]}),
            r"runs\[0\].debugging",
        ),
    ],
)
def test_what_is_no_comparison_says_what_it_is(text, received, tmp_path):
    path = tmp_path / "c.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileError, match=received) as caught:
        Comparison.load(path)
    assert "Error:" not in str(caught.value).partition("\n")[2]
    assert "__init__" not in str(caught.value)
