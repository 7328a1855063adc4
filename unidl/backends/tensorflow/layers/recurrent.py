"""LSTM: TensorFlow's kernel for a whole series, in float32; about three times as fast as a loop in the graph.

The kernel is BlockLSTM, whose gates are in the order i, g, f, o. BlockLSTMV2 has the definition's order, but TensorFlow registers
the other kernel's gradient for it, which is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from unidl.backends.lowering import Lowering, because, refuses_integers
from unidl.backends.tensorflow.device import on_cpu
from unidl.backends.tensorflow.invariant import zeros
from unidl.backends.tensorflow.layers.core import Holder, holder_slots
from unidl.backends.tensorflow.tracing import lacks_kernels, with_gradient
from unidl.description.plan import LayerPlan
from unidl.layers import LSTM
from unidl.ops import sigmoid, tanh


class BlockLSTM(Holder):
    """Variables of an LSTM that `tf.raw_ops.BlockLSTM` computes; where XLA compiles and in LiteRT, which have no such kernel, the definition."""


def refuses_lstm(plan: LayerPlan) -> str | None:
    """float32, one pair of activations, every example to the end of a series that has one."""
    layer: LSTM = plan.layer  # type: ignore[assignment]
    if plan.dtype != "float32":
        return "tf.raw_ops.BlockLSTM serves float32 alone"
    if layer.activation is not tanh or layer.recurrent_activation is not sigmoid:
        return "tf.raw_ops.BlockLSTM has no activations but tanh and sigmoid"
    calls = [plan.arguments(call) for call in plan.calls]
    if any(arguments.get(name) is not None for arguments in calls for name in ("mask", "lengths")):
        return "tf.raw_ops.BlockLSTM runs every example to the end"
    if any(not arguments["x"].shape[1] for arguments in calls):
        return "tf.raw_ops.BlockLSTM needs a number of steps that is known, and one at least"
    return refuses_integers(plan)


def in_order(gates: tf.Tensor) -> tf.Tensor:
    """Gates i, f, g, o along the last axis as the kernel has them, i, g, f, o."""
    return with_gradient(_swapped(gates), [gates], lambda by_result: [_swapped(by_result)])


def _swapped(gates: tf.Tensor) -> tf.Tensor:
    """The second and the third of four blocks along the last axis in each other's place, in one kernel."""
    blocks = tf.reshape(gates, (-1, 4, gates.shape[-1] // 4))
    return tf.reshape(tf.gather(blocks, (0, 2, 1, 3), axis=1), gates.shape)


def call_lstm(
    layer: LSTM, module: BlockLSTM, x: tf.Tensor, initial_state: Any = None, mask: None = None, lengths: None = None
) -> Any:
    """(batch, time, inputs) -> (batch, units) or (batch, time, units), and the state."""
    if lacks_kernels():
        return layer.forward(x, initial_state)
    series = tf.transpose(x, (1, 0, 2))  # (time, batch, inputs)
    if layer.go_backwards:
        series = tf.reverse(series, (0,))
    nothing = tf.zeros((tf.shape(x)[0], layer.units))
    h, c = (nothing, nothing) if initial_state is None else initial_state  # each (batch, units)
    unused = tf.zeros((layer.units,))
    given = {
        "seq_len_max": tf.constant(x.shape[1], tf.int64),
        "x": series,
        "cs_prev": c,
        "h_prev": h,
        "w": in_order(tf.concat([layer.kernel, layer.recurrent_kernel], axis=0)),  # (inputs + units, 4 * units)
        "wci": unused,
        "wcf": unused,
        "wco": unused,
        "b": in_order(layer.bias) if layer.use_bias else tf.zeros((4 * layer.units,)),
        "use_peephole": False,
    }
    steps = tf.raw_ops.BlockLSTM(**given, forget_bias=0.0, cell_clip=-1.0)
    if layer.return_state:
        last = steps.h[-1]
        return (tf.transpose(steps.h, (1, 0, 2)) if layer.return_sequences else last), last, steps.cs[-1]
    outputs = with_gradient(steps.h, [given[name] for name in MOVED], lambda by_h: gradient(given, steps, by_h))
    return tf.transpose(outputs, (1, 0, 2)) if layer.return_sequences else outputs[-1]


MOVED = ("x", "cs_prev", "h_prev", "w", "b")  # what the kernel's gradient is taken by
# numbers in w beyond which the loop is worth the memory of its graph and of the gates' gradients: tests/benchmarks/kernels.py
LARGE = 1 << 17


def gradient(given: Mapping[str, Any], steps: Any, by_h: tf.Tensor) -> list[tf.Tensor]:
    """By what moves, given that of what is seen: the cells have none of their own, and that is not filled at each step."""
    if given["w"].shape.num_elements() > LARGE and on_cpu():
        return through_time(given, steps, by_h)
    return by_kernel(given, steps, by_h)


MADE = ("i", "cs", "f", "o", "ci", "co")  # at each step: gates and cells


def by_kernel(given: Mapping[str, Any], steps: Any, by_h: tf.Tensor) -> list[tf.Tensor]:
    """As TensorFlow has it."""
    length, _, units = by_h.shape
    made = {name: getattr(steps, name) for name in MADE}
    by_cells = zeros((length,), tf.shape(by_h)[1], (units,), by_h.dtype)
    found = tf.raw_ops.BlockLSTMGrad(**given, **made, h=steps.h, cs_grad=by_cells, h_grad=by_h)
    return [getattr(found, f"{name}_grad") for name in MOVED]


def through_time(given: Mapping[str, Any], steps: Any, by_h: tf.Tensor) -> list[tf.Tensor]:
    """The same in a loop of the graph. BlockLSTMGrad multiplies by matrices and adds to w's gradient at each step.

    Here a step gives the gradients by its gates, and w's is one product with all of them.
    """
    length, _, units = by_h.shape
    x, w, b, unused, c_first, h_first = (given[name] for name in ("x", "w", "b", "wci", "cs_prev", "h_prev"))
    with tf.control_dependencies([by_h]):  # not before they are needed
        by_x, by_hidden = map(
            tf.transpose, tf.split(w, (x.shape[-1], units))
        )  # (4 * units, inputs), (4 * units, units)
        x_first = x[0]

    def body(t: tf.Tensor, by_c: tf.Tensor, by_h_after: tf.Tensor, gates: tf.TensorArray) -> tuple[Any, ...]:
        made = {name: tf.gather(getattr(steps, name), t) for name in MADE}  # each (batch, units)
        c_before = tf.where(t > 0, tf.gather(steps.cs, tf.maximum(t - 1, 0)), c_first)
        found = tf.raw_ops.LSTMBlockCellGrad(
            **made, cs_prev=c_before, cs_grad=by_c, h_grad=tf.gather(by_h, t) + by_h_after, use_peephole=False,
            x=x_first, h_prev=h_first, w=w, wci=unused, wcf=unused, wco=unused, b=b,  # of which it wants the shapes alone
        )  # fmt: skip
        return t - 1, found.cs_prev_grad, found.dicfo @ by_hidden, gates.write(t, found.dicfo)

    nothing = tf.zeros_like(h_first)
    empty = tf.TensorArray(by_h.dtype, length, element_shape=(None, 4 * units))
    start = (tf.constant(length - 1), nothing, nothing, empty)
    _, by_c, by_h_first, written = tf.while_loop(lambda t, *_: t >= 0, body, start, parallel_iterations=1)
    gates = written.stack()  # (time, batch, 4 * units)
    flat = tf.reshape(gates, (-1, 4 * units))
    by_recurrent = product(h_first, gates[0]) + product(steps.h[:-1], gates[1:])
    by_w = tf.concat([product(x, gates), by_recurrent], axis=0)
    by_b = tf.raw_ops.BiasAddGrad(out_backprop=flat)
    return [tf.reshape(flat @ by_x, tf.shape(x)), by_c, by_h_first, by_w, by_b]


def product(x: tf.Tensor, by_gates: tf.Tensor) -> tf.Tensor:
    """(..., inputs), (..., 4 * units) -> (inputs, 4 * units): the gradient by what x was multiplied with."""
    rows, gates = (tf.reshape(series, (-1, series.shape[-1])) for series in (x, by_gates))
    return tf.matmul(rows, gates, transpose_a=True)


TABLE: dict[type, Lowering] = {
    LSTM: Lowering(
        BlockLSTM,
        call_lstm,
        holder_slots,
        refuses_lstm,
        nested=because("tf.raw_ops.BlockLSTMGrad has no gradient"),
    )
}
