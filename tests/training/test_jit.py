"""jit: the compiler changes no meaning, and "auto" decides by what it measured and leaves no trace of having tried."""

import os
import subprocess
import sys

import numpy as np
import pytest

import unidl
from tests.conftest import BACKENDS
from unidl import callbacks, layers, optimizers
from unidl.errors import ArgumentError
from unidl.training import compiling

# torch's own, when its compiler is first imported
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
QUIET = {"batch_size": 16, "progress": False}  # the last batch has 10
ON_TENSORFLOW = BACKENDS["keras"][1] == "tensorflow"
COMPILED = ["torch", "tensorflow", *(["keras"] if ON_TENSORFLOW else [])]


def made(backend, jit):
    parts = [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(2)]
    return unidl.Trainer(
        unidl.Sequential(parts), "cross_entropy", optimizers.Adam(1e-2), ["accuracy"], jit, backend=backend, seed=1
    )


def without_dropout(backend, jit):
    parts = [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dense(2)]
    return unidl.Trainer(
        unidl.Sequential(parts), "cross_entropy", optimizers.Adam(1e-2), ["accuracy"], jit, backend=backend
    )


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_steps_are_the_steps(name):
    plain, compiled = without_dropout(name, False), without_dropout(name, True)
    expected = plain.fit(X, Y, epochs=3, validation_data=(X, Y), **QUIET)
    history = compiled.fit(X, Y, epochs=3, validation_data=(X, Y), **QUIET)
    np.testing.assert_allclose(history.step_loss, expected.step_loss, rtol=1e-4)
    np.testing.assert_allclose(history["val_loss"], expected["val_loss"], rtol=1e-4)
    assert history["accuracy"] == expected["accuracy"]


def always(compiled):
    return lambda plain, jit, compile_seconds, steps: compiling.Choice(
        compiled, "told so", plain, jit, compile_seconds, steps
    )


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("compiled", [False, True])
def test_auto_tries_both_and_takes_the_trials_back(name, compiled, monkeypatch, capsys):
    monkeypatch.setattr(compiling, "worth_trying", lambda plain, steps: True)
    monkeypatch.setattr(compiling, "choose", always(compiled))
    t = made(name, "auto")
    history = t.fit(X, Y, epochs=2, batch_size=16)
    assert f"jit: {'on' if compiled else 'off'}; told so" in capsys.readouterr().out
    assert (t.engine.choice.compiled, t.engine.choice.steps) == (compiled, 12)
    assert t.engine.choice.compiled_seconds > 0
    reference = made(name, compiled).fit(X, Y, epochs=2, **QUIET)
    np.testing.assert_array_equal(history.step_loss, reference.step_loss)
    assert history["accuracy"] == reference["accuracy"]


@pytest.mark.parametrize("name", COMPILED[:1])
def test_the_choice_goes_with_a_checkpoint(name, monkeypatch, tmp_path):
    monkeypatch.setattr(compiling, "worth_trying", lambda plain, steps: True)
    monkeypatch.setattr(compiling, "choose", always(True))
    keep = callbacks.Checkpoint(tmp_path)
    never = made(name, "auto")
    whole = never.fit(X, Y, epochs=3, **QUIET)
    made(name, "auto").fit(X, Y, epochs=1, callbacks=[keep], **QUIET)
    monkeypatch.setattr(compiling, "choose", always(False))  # what a busy machine might find the second time
    again = made(name, "auto")
    history = again.fit(X, Y, epochs=3, callbacks=[keep], resume=True, **QUIET)
    assert again.engine.choice.compiled
    np.testing.assert_array_equal(history.step_loss, whole.step_loss)


def test_the_choice_counts_the_compiling():
    assert not compiling.worth_trying(0.001, 100)
    assert compiling.worth_trying(0.001, 20_000)
    assert compiling.worth_trying(0.001, None)
    assert compiling.choose(0.003, 0.002, 5.0, 6_000).compiled
    assert not compiling.choose(0.003, 0.002, 5.0, 4_000).compiled
    assert not compiling.choose(0.002, 0.003, 5.0, None).compiled
    assert compiling.choose(0.003, 0.002, 5.0, None).compiled
    assert compiling.choose(0.003, 0.002, 5.0, 6_000).reason == (
        "a step takes 2.00 ms compiled, 3.00 ms without; compiling took 5.0 s and pays after 5,001 steps of 6,000"
    )


def test_what_is_not_worth_it_is_not_tried():
    t = made("torch", "auto")
    t.fit(X, Y, **QUIET)
    assert t.engine.choice.compiled_seconds is None
    assert "too few for a compiler to win time" in t.engine.choice.reason


def test_a_jit_that_is_none():
    with pytest.raises(ArgumentError, match='True, False or "auto"'):
        made("torch", "yes")


SCRIPT = """
import numpy, unidl
model = unidl.Sequential([unidl.layers.Dense(8, "relu"), unidl.layers.Dense(1)])
trainer = unidl.Trainer(model, "mse", jit=True, backend={backend!r})
x = numpy.ones((48, 5), "float32")
trainer.fit(x, x[:, :1], batch_size=8, progress=False, callbacks=[type("Each", (unidl.callbacks.Callback,), {{"every_steps": 1}})()])
"""


@pytest.mark.parametrize("name", [name for name in COMPILED if name != "torch"])
def test_steps_from_wherever_are_compiled_once(name, tmp_path):
    """XLA compiles anew for each value of what it takes for a constant; here each of six calls begins at another step."""
    environment = {**os.environ, "XLA_FLAGS": f"--xla_dump_to={tmp_path}"}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(backend=name)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    # each module that was compiled: "module_0012.a_inference_Sequential_steps_…"
    compiled = {file.name.partition(".")[0] for file in tmp_path.iterdir() if "XlaMustCompile" in file.name}
    assert len(compiled) == 1
