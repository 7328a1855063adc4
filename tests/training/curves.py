"""Measure how far loss curves are apart between backends, and write docs/same-numbers.md with its picture.

    python -m tests.training.curves

Keras has one engine a process, so each pair of backends is measured in a process of its own, which writes what it found.
"""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

from tests.training.curve_jobs import JOBS, curve, distance

ROOT = Path(__file__).parent.parent.parent
STEPS, SHORT, NUDGES = 200, 20, 3
# what is compared with torch -> the backend, and Keras' engine
OTHERS = {
    "TensorFlow": ("tensorflow", "tensorflow"),
    "Keras on TensorFlow": ("keras", "tensorflow"),
    "Keras on torch": ("keras", "torch"),
}


def measure(engine: str, folder: Path) -> None:
    """Every curve of torch and of the backends that run with that engine of Keras, and of torch from nudged weights."""
    found = {}
    for name in JOBS:
        for precision in ("float64", "float32"):
            reference = curve(name, "torch", precision, STEPS)
            found[f"{name}/{precision}/loss"] = reference
            for title, (backend, needed) in OTHERS.items():
                if needed == engine:
                    found[f"{name}/{precision}/{title}"] = distance(curve(name, backend, precision, STEPS), reference)
            if engine == "torch":
                nudged = [curve(name, "torch", precision, STEPS, nudge) for nudge in range(NUDGES)]
                found[f"{name}/{precision}/own"] = np.max([distance(n, reference) for n in nudged], axis=0)
    np.savez(folder / f"{engine}.npz", **found)


def measured() -> dict[str, np.ndarray]:
    """What both processes found."""
    found: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        for engine in ("tensorflow", "torch"):
            command = [sys.executable, "-m", "tests.training.curves", engine, folder]
            subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "KERAS_BACKEND": engine})
            found |= dict(np.load(Path(folder) / f"{engine}.npz"))
    return found


def apart(found: dict[str, np.ndarray], name: str, precision: str) -> np.ndarray:
    """The largest distance of any backend from torch, up to each step."""
    return np.maximum.accumulate(np.max([found[f"{name}/{precision}/{title}"] for title in OTHERS], axis=0))


def own(found: dict[str, np.ndarray], name: str, precision: str) -> np.ndarray:
    """Likewise for torch from nudged weights."""
    return np.maximum.accumulate(found[f"{name}/{precision}/own"])


# -- the page ------------------------------------------------------------------------------------------------------------------

PAGE = """# The same numbers on every backend

With `random="portable"` a training is the same everywhere: initial weights, batch order and every random number have the same
bits, and loss curves agree up to rounding.

```python
import numpy as np
import unidl
from unidl import layers

x = np.random.default_rng(0).normal(size=(64, 5))
y = (x[:, 0] > 0).astype("int64")


def losses(backend):
    m = unidl.Sequential([layers.Dense(8, activation="relu"), layers.Dropout(0.5), layers.Dense(2)])
    t = unidl.Trainer(m, loss="cross_entropy", backend=backend, precision="float64", seed=1, random="portable")
    return t.fit(x, y, epochs=5, batch_size=16, progress=False).step_loss


np.testing.assert_allclose(losses("tensorflow"), losses("torch"), rtol=1e-9)
```

## What is drawn, and from what

Each random op draws words of Philox4x32-10 (Salmon et al. 2011): the seed is the key; the place in the result, the number of the
step, and a number made of the layer's path and of how many draws it has made in this step are the counter. No state is kept but
(seed, step). So a draw does not depend on what else the model draws, and a resumed run goes on with the same numbers.

| op | made of | equal |
|---|---|---|
| `uniform` | 24 bits of a word in float32, 53 of two in float64 | to the bit |
| `normal` | two uniforms for two numbers (Box and Muller) | up to the rounding of log, sin and cos |
| `randint` | a fraction of 64 bits times the number of choices, at most 2^31: none is favoured by more than 2^-33 | to the bit |
| `bernoulli` | a word below probability · 2^32 | to the bit |
| `dropout` | half a word at least rate · 2^16 | to the bit |
| `categorical` | uniforms, perturbing the logits | unless two of them tie up to rounding |
| `permutation` | the order of keys of 63 bits | to the bit |

A compiler that fuses operations (XLA, torch's inductor) may round `low + u · (high - low)` once instead of twice; the words, and
uniforms between 0 and 1, are the same compiled.

- **A step** is a step of the Trainer, counted over all its `fit`s; its seed is the Trainer's. Outside a Trainer each outermost call of
  a model that draws in its mode is a step, and its seed is that of `build`. A part of a model, called alone, counts its own.
- **A path** is the layer's, `"blocks/0/dropout"`; draws in a `training_step` outside any layer have the path `""`. A layer that is called
  twice in a step draws other numbers the second time.
- **Outside a model** random ops are each framework's own, as ever; inside `with ops.random.seeded(seed, step):` they are portable.
- **What runs**: a layer that draws runs its definition, for a framework's own dropout has a generator of its own.
  `model.lowering()` says so. Everything else runs as it does without.
- **What is refused**: draws in the body of `ops.cond`, `ops.while_loop`, `ops.scan`, or under a forward that branches on tensors in
  Python. A graph holds such a body once, and Python runs it many times or never, so their count is not known. And
  Keras on its engine jax, where nobody has proven it.
- **torch.func** needs the buffer `random_state` handed in, as it needs batch norm's. **Keras' own calls** (`m.native(x, training=True)`)
  do not say where a step of a functional model starts: each of its layers counts its own calls. Activation checkpointing by
  torch runs a forward a second time, which then draws anew: it does not go together with dropout of this kind.

## What it costs

A training step with `random="portable"` beside the same step without: the last table of [the benchmarks](benchmarks.md), on models that
draw nothing (there both sides run the same, which shows how much is the machine's noise), dropout masks or normal noise. TensorFlow
has Philox in one kernel; torch on a CPU computes it in 60 operations on whole numbers.

## Measured

Twelve trainings (`tests/training/curve_jobs.py`), {steps} steps each, on {versions}; CPU, one thread.
Numbers are the largest distance between the losses of torch and of {others}, relative to the loss. *Own* is the distance of torch
from itself when each initial weight is moved to the next floating number, up or down: the largest of {nudges} tries. What
rounding does to a run, it does between backends too; float64 is the proof, float32 is judged beside its own drift. All twelve
stay within {most} times of it.

{table}

The same, step by step, on a logarithmic scale from 1e-16 to 1: float32 between backends (red) and torch beside itself (grey,
dashed), float64 between backends (blue).

![Distances of the loss curves over the steps](same-numbers.svg)

Made by `nox -s curves`. The tests assert the same in short: `tests/training/test_curves.py`.
"""


def table(found: dict[str, np.ndarray]) -> str:
    """A row for each training."""
    rows = [
        f"| training | float64, {STEPS} steps | float32, {SHORT} steps | float32, {STEPS} steps | own, {STEPS} steps |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, job in JOBS.items():
        double, single, drift = (
            apart(found, name, "float64"),
            apart(found, name, "float32"),
            own(found, name, "float32"),
        )
        numbers = (double[-1], single[SHORT - 1], single[-1], drift[-1])
        rows.append(f"| **{name}**: {job.what} | {' | '.join(f'{n:.1e}' for n in numbers)} |")
    return "\n".join(rows)


WIDE, HIGH, COLUMNS, EDGE = 230, 120, 3, 34


def picture(found: dict[str, np.ndarray]) -> str:
    """A panel for each training."""
    rows = -(-len(JOBS) // COLUMNS)
    width, height = COLUMNS * (WIDE + EDGE) + EDGE, rows * (HIGH + EDGE) + EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="10">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, name in enumerate(JOBS):
        left, top = EDGE + number % COLUMNS * (WIDE + EDGE), 22 + number // COLUMNS * (HIGH + EDGE)
        parts.append(f'<rect x="{left}" y="{top}" width="{WIDE}" height="{HIGH}" fill="none" stroke="#999"/>')
        parts.append(f'<text x="{left}" y="{top - 5}" font-weight="bold">{name}</text>')
        for power in (-16, -12, -8, -4, 0):
            y = top + HIGH * -power / 16
            parts.append(f'<path d="M{left} {y:.0f}h{WIDE}" stroke="#ddd"/>')
            parts.append(f'<text x="{left - 3}" y="{y + 3:.0f}" text-anchor="end" fill="#666">1e{power}</text>')
        for series, style in (
            (own(found, name, "float32"), 'stroke="#888" stroke-dasharray="4 3"'),
            (apart(found, name, "float32"), 'stroke="#c22"'),
            (apart(found, name, "float64"), 'stroke="#26c"'),
        ):
            heights = np.clip(-np.log10(np.maximum(series, 1e-16)), 0, 16) / 16 * HIGH
            points = " ".join(f"{left + WIDE * i / (STEPS - 1):.1f},{top + h:.1f}" for i, h in enumerate(heights))
            parts.append(f'<polyline points="{points}" fill="none" stroke-width="1.5" {style}/>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Measure, and write the page."""
    found = measured()
    names = ("torch", "tensorflow", "keras", "numpy")
    versions = ", ".join(f"{name} {version(name).partition('+')[0]}" for name in names)
    page = PAGE.format(
        steps=STEPS,
        nudges=NUDGES,
        others=", ".join(OTHERS),
        versions=f"{versions}, {platform.machine()}",
        most=math.ceil(max(apart(found, name, "float32")[-1] / own(found, name, "float32")[-1] for name in JOBS)),
        table=table(found),
    )
    (ROOT / "docs" / "same-numbers.md").write_text(page)
    (ROOT / "docs" / "same-numbers.svg").write_text(picture(found))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
