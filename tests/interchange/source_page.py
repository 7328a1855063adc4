"""The page docs/source.md: one model and its three sources, and what is refused.

After a change: python -m tests.interchange.source_page
"""

from __future__ import annotations

from pathlib import Path

import unidl
from tests.interchange.source_refused import REFUSED

PAGE = Path(__file__).parents[2] / "docs" / "source.md"
TITLES = {"torch": "PyTorch", "keras": "Keras", "tensorflow": "TensorFlow"}

HEAD = """# Source: leave with readable code

`unidl.source(model, "torch" | "keras" | "tensorflow")` writes a model as code of that framework, which runs without unidl; the model
may be built for any other. `unidl.eject(model, backend, folder)` writes that code with the weights: `model.py` has a function
`load()`, `weights.safetensors` has the framework's own names and layouts (torch's `load_state_dict` takes it as it is). Given a
Trainer, both write the training too, as the framework's own loop: a torch loop over a `DataLoader`, Keras' `compile` and `fit`, a
step that is one `tf.function`.

    unidl source model.unidl --backend torch               prints the code of a saved model
    unidl source train.py:trainer --backend keras --to mine

- A layer is written as one writes it there. PyTorch gets an `nn.Module` whose images have their channels first between its doors,
  Keras a functional model, TensorFlow a `tf.Module` whose call is one `tf.function`. Images and series come with their channels last
  everywhere.
- A layer or model of your own becomes a class, from its traced graph; equal ones share it, lists of them become loops.
- An optimizer, loss, metric or schedule is the framework's own class where that computes the same (`torch.optim.AdamW`,
  `keras.losses.MeanSquaredError`). Else, and for every custom one, it is written from its definition: the optimizer's and the metric's
  `update` and the loss are traced, the schedule and the metric's `result` are followed as Python, branch by branch. The result is a
  `torch.optim.Optimizer`, a `keras.optimizers.Optimizer` or a `tf.Module` that trains without unidl.
- Where the framework's own class trains otherwise than unidl, the line says so: Keras' moving variance is the biased one, Keras'
  Adam adds epsilon before the bias correction, torch's SGD would put the weight decay into the gradient.
- Initial values are the framework's usual ones until `load()` puts the weights in.

`tests/interchange/test_source.py` runs the code of every layer in the conformance list, of a dozen models and of the trainings in a
process that cannot import unidl: outputs within 1e-5, loss curves as the Trainer's, ruff's default rules and format.
`test_source_ops.py` does so with every op. This page is made by `python -m tests.interchange.source_page`, from the code's real output.

## One model, three sources

```python
{code}```

<table>
<tr>{heads}</tr>
<tr valign="top">
"""

CODE = '''import unidl
from unidl import layers, ops


class Scale(unidl.Layer):
    """Each channel by a weight of its own."""

    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), initializer="ones")

    def forward(self, x):
        return ops.tanh(x) * self.gain


model = unidl.Sequential(
    [
        unidl.Input((28, 28, 1)),
        layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        Scale(),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10),
    ]
)
'''

TAIL = """
</tr>
</table>

## What cannot be written so, and what to do

Each is refused with an error that says the same (`unidl.errors.SourceError`).

| what | in the code of | instead |
|---|---|---|
"""


def model() -> unidl.Model:
    """The page's model."""
    namespace: dict = {"__name__": "page"}
    exec(CODE, namespace)
    return namespace["model"]


def text() -> str:
    """The page."""
    parts = [HEAD.format(code=CODE, heads="".join(f"<th>{title}</th>" for title in TITLES.values()))]
    made = model()
    for backend in TITLES:
        parts.append(
            f"<td>\n\n<!-- not run: it is, by tests/interchange -->\n```python\n{unidl.source(made, backend)}```\n\n</td>\n"
        )
    parts.append(TAIL)
    for row in REFUSED:
        where = "all three" if len(row.backends) == 3 else " and ".join(TITLES[b] for b in row.backends)
        parts.append(f"| {row.what} | {where} | {row.instead} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf8")
