"""A real kernel: what models, histories and plots look like in a notebook, and what is defined there works on every backend."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import unidl

ROOT = Path(unidl.__file__).parent.parent
HEAD = """
import numpy as np
import unidl
from unidl import layers, ops

x, y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
"""

MODEL = """
class Deeper(unidl.Layer):  # AutoGraph reads the cell's text, as TensorFlow's graph needs it
    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), initializer="ones")

    def forward(self, x):
        while ops.max(x) < 100.0:
            x = x * 2.0 * self.gain + 1.0
        return x / 100.0

model = unidl.Sequential([Deeper(), layers.Dense(1)])
model
"""

FIT = """
def largest(targets, predictions):
    return ops.max(predictions, axis=-1)

trainer = unidl.Trainer(model, loss="mse", optimizer="sgd", metrics=[largest])
history = trainer.fit(x, y, epochs=2, batch_size=4, validation_data=(x, y))
history
"""

LAST = """
other = model.copy(backend="keras")
print(other.backend, np.abs(other.predict(x) - model.predict(x)).max() < 1e-6)
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Each cell's outputs, run in one kernel on TensorFlow, whose graphs ask most of a notebook."""
    sources = [
        HEAD,
        "unidl.set_backend('tensorflow')",
        MODEL,
        FIT,
        "model",
        "trainer",
        "unidl.plot(history)",
        "unidl.plot(model)",
        LAST,
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    home = str(tmp_path_factory.mktemp("home"))  # a kernel writes its profile there
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": home, "JUPYTER_RUNTIME_DIR": home}
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(env=environment)
    return [cell.outputs for cell in notebook.cells]


def _data(outputs):
    (result,) = [output.data for output in outputs if output.output_type == "execute_result"]
    return result


def test_a_model_that_is_not_built(shown):
    data = _data(shown[2])
    assert "<caption>sequential: not built</caption>" in data["text/html"]
    assert data["text/plain"] == "Sequential(layers=[Deeper(), Dense(units=1)])"


def test_a_history(shown):
    data = _data(shown[3])
    for heading in ("loss", "largest", "val_loss", "val_largest"):
        assert f">{heading}</th>" in data["text/html"]
    assert data["text/plain"].startswith("<History of 2 epochs, 4 steps: loss ")
    told = "".join(output.get("text", "") for output in shown[3])
    assert "Traceback" not in told


def test_a_fit_is_one_display(shown):
    (display,) = [output.data["text/plain"] for output in shown[3] if output.output_type == "display_data"]
    assert [line.partition("  ")[0] for line in display.splitlines()] == ["epoch 1/2", "epoch 2/2"]


def test_a_model_that_is_built(shown):
    data = _data(shown[4])
    assert ">Deeper</td>" in data["text/html"]
    assert "definition (dynamic)" in data["text/html"]
    assert "Dynamic (the data decides what runs): deeper" in data["text/html"]


def test_a_trainer(shown):
    data = _data(shown[5])
    assert "2 epochs and 4 steps done" in data["text/html"]
    assert data["text/plain"].startswith("<Trainer of Sequential 'sequential': loss MSE()")


@pytest.mark.parametrize("cell", [6, 7])
def test_a_plot(cell, shown):
    data = _data(shown[cell])
    assert data["text/html"].count("<svg") == 1
    assert data["image/svg+xml"].startswith("<svg")
    assert data["text/plain"].startswith("<Plot of ")


def test_what_is_defined_in_the_notebook_runs_on_another_backend(shown):
    assert [output.text for output in shown[8]] == ["keras True\n"]
