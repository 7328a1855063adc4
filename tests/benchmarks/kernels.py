"""Gradients that unidl writes out on TensorFlow, beside TensorFlow's own kernels: what the choice between them follows.

python -m tests.benchmarks.kernels [rounds]

For each shape: milliseconds of either, the median of rounds in turn on one thread, and their ratio: above 1 unidl's is faster. A
star marks what unidl takes in a training step on this machine, where its CPU is the only device and oneDNN's kernels are off.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ |= dict.fromkeys(
    ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)  # before TensorFlow is imported
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from unidl.backends.tensorflow.device import by_onednn, on_cpu
from unidl.backends.tensorflow.layers import recurrent
from unidl.backends.tensorflow.ops import convolution_gradient as convolution
from unidl.graph.window import window
from unidl.training.allocation import keep_freed_memory

# (batch, length of a square image, channels, filters, window, stride, padding)
CONVOLUTIONS = [
    (4, 64, 16, 16, 3, 1, "same"), (4, 64, 32, 16, 3, 1, "same"), (4, 32, 16, 32, 3, 1, "same"),
    (4, 32, 64, 32, 3, 1, "same"), (64, 13, 16, 32, 3, 1, "valid"), (8, 112, 64, 64, 3, 1, "same"),
    (8, 32, 64, 64, 3, 1, "same"), (8, 16, 128, 128, 3, 1, "same"), (8, 8, 256, 256, 3, 1, "same"),
    (8, 8, 128, 256, 3, 1, "same"), (8, 4, 512, 512, 3, 1, "same"), (8, 14, 256, 256, 3, 1, "same"),
    (8, 7, 512, 512, 3, 1, "same"), (8, 14, 256, 1024, 1, 1, "same"), (8, 14, 1024, 256, 1, 1, "same"),
    (8, 7, 2048, 512, 1, 1, "same"), (8, 32, 64, 128, 3, 2, "same"), (8, 16, 128, 256, 3, 2, "same"),
    (32, 16, 128, 256, 3, 2, "same"), (8, 14, 256, 512, 3, 2, "same"), (32, 14, 256, 512, 3, 2, "same"),
    (8, 8, 256, 512, 3, 2, "same"), (8, 14, 1024, 2048, 1, 2, "same"), (8, 8, 256, 512, 1, 2, "same"),
]  # fmt: skip
# in turn the steps, examples in a batch, inputs and units
SERIES = [(64, 32, 64, 128), (32, 32, 64, 64), (128, 8, 128, 256), (20, 128, 32, 32), (64, 1, 64, 128)]


def compared(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Milliseconds of each, by turns."""
    sides = [tf.function(side, autograph=False) for side in (ours, theirs)]
    for side in sides:
        side()
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for side, found in zip(sides, times, strict=True):
            started = time.perf_counter()
            side()
            found.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times[0]), statistics.median(times[1])


def show(what: str, taken: bool, times: tuple[float, float]) -> None:
    ours, theirs = times
    print(f"{'*' if taken else ' '} {what:58} {ours:8.2f} {theirs:8.2f} {theirs / ours:6.2f}", flush=True)


def by_image(
    n: int, length: int, channels: int, filters: int, size: int, stride: int, padding: str, rounds: int
) -> None:
    """Conv2DBackpropInput."""
    form = window(size, stride, padding, 1, 2)
    x, kernel = tf.random.normal((n, length, length, channels)), tf.random.normal((size, size, channels, filters))
    y = tf.nn.conv2d(x, kernel, stride, padding.upper())
    dy = tf.random.normal(y.shape)
    lengths = (length, length)
    pads = form.pads(lengths)
    taken = convolution.suited(x.shape[1:-1], y.shape[1:-1], kernel, form)

    def ours() -> tf.Tensor:
        if taken is not None:
            return taken(dy, kernel)
        if stride == 1:
            return convolution.turned(dy, kernel, pads)
        return convolution.scattered(dy, kernel, y.shape[1:-1], lengths, pads, stride)

    def theirs() -> tf.Tensor:
        how = {"strides": (1, stride, stride, 1), "padding": padding.upper()}
        return tf.raw_ops.Conv2DBackpropInput(input_sizes=x.shape, filter=kernel, out_backprop=dy, **how)

    what = f"{n} x {length} x {length} x {channels} -> {filters}, {size} x {size}, stride {stride}, {padding}"
    show(what, taken is not None and not by_onednn(), compared(ours, theirs, rounds))


def through_time(steps: int, n: int, inputs: int, units: int, rounds: int) -> None:
    """BlockLSTMGrad."""
    unused = tf.zeros(units)
    given = {
        "seq_len_max": tf.constant(steps, tf.int64), "x": tf.random.normal((steps, n, inputs)),
        "cs_prev": tf.zeros((n, units)), "h_prev": tf.zeros((n, units)), "b": tf.zeros(4 * units),
        "w": tf.random.normal((inputs + units, 4 * units), stddev=0.05),
        "wci": unused, "wcf": unused, "wco": unused, "use_peephole": False,
    }  # fmt: skip
    made = tf.raw_ops.BlockLSTM(**given, forget_bias=0.0, cell_clip=-1.0)
    by_h = tf.random.normal(made.h.shape)
    times = compared(
        lambda: recurrent.through_time(given, made, by_h), lambda: recurrent.by_kernel(given, made, by_h), rounds
    )
    taken = given["w"].shape.num_elements() > recurrent.LARGE
    show(f"{steps} steps, batch {n}, {inputs} inputs, {units} units", taken, times)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    keep_freed_memory()
    print(f"a CPU alone: {on_cpu()}, oneDNN's kernels: {by_onednn()}; ms of unidl's, of TensorFlow's, ratio")
    print(by_image.__doc__)
    for shapes in CONVOLUTIONS:
        by_image(*shapes, rounds)
    print(through_time.__doc__)
    for series in SERIES:
        through_time(*series, rounds)


if __name__ == "__main__":
    main()
