"""Operations are counted from the description; torch's and TensorFlow's own counters are the oracles where they count."""

import numpy as np
import pytest

import unidl
from tests.insight.looked_at import attention, rows
from unidl import Sequential, layers, ops
from unidl.description.trace import Tracer
from unidl.graph.branch import answered
from unidl.graph.node import OpCall
from unidl.graph.spec import TensorSpec
from unidl.insight.inspections import flops
from unidl.ops.op import OPS


def counted(model, *inputs):
    """The count of a call of a description for inputs of these shapes."""
    specs = tuple(TensorSpec(np.shape(x), np.asarray(x).dtype.name) for x in inputs)
    return flops.count(Tracer().trace(model, specs, {}, training=False).calls[-1])


class Calls(unidl.Layer):
    """Calls a function of ops."""

    def __init__(self, function):
        self.function = function

    def forward(self, *xs):
        return self.function(*xs)


def of(function, *shapes):
    return counted(Calls(function), *(np.zeros(shape, "float32") for shape in shapes))


def test_no_op_is_forgotten():
    """Every op has a count, or a reason for none; what is composed of others is counted by its body."""
    listed = list(flops.known())
    assert len(set(listed)) == len(listed)
    without = {name for name, op in OPS.items() if not op.composed and name not in listed}
    assert without == set(), f"give {sorted(without)} a count in unidl/insight/inspections/flops.py"
    assert set(listed) <= set(OPS)


# op -> (what is computed, shapes, operations)
ONES = {
    "add": (ops.add, [(3, 4), (4,)], 12),
    "exp": (ops.exp, [(3, 4)], 12),
    "relu": (ops.relu, [(3, 4)], 12),
    "sum": (ops.sum, [(3, 4)], 11),
    "mean over an axis": (lambda x: ops.mean(x, axis=0), [(3, 4)], 12),
    "max": (lambda x: ops.max(x, axis=1), [(3, 4)], 9),
    "softmax": (ops.softmax, [(3, 4)], 60),
    "matmul": (ops.matmul, [(2, 3, 4), (4, 5)], 2 * 2 * 3 * 5 * 4),
    "vectors": (ops.matmul, [(4,), (4,)], 8),
    "einsum": (lambda x, y: ops.einsum("bij,bjk->bik", x, y), [(2, 3, 4), (2, 4, 5)], 2 * 2 * 3 * 4 * 5),
    "einsum with dots": (lambda x, y: ops.einsum("...i,ij->...j", x, y), [(2, 3, 4), (4, 5)], 2 * 2 * 3 * 4 * 5),
    "outer": (ops.outer, [(3,), (4,)], 12),
    "conv": (lambda x, k: ops.conv(x, k, padding="same"), [(2, 5, 5, 3), (3, 3, 3, 4)], 2 * 2 * 25 * 4 * 27),
    "grouped": (lambda x, k: ops.conv(x, k, groups=2), [(1, 5, 5, 4), (3, 3, 2, 6)], 2 * 9 * 6 * 18),
    "conv_transpose": (lambda x, k: ops.conv_transpose(x, k, 2), [(2, 4, 4, 3), (3, 3, 5, 3)], 2 * 96 * 45),
    "average_pool": (lambda x: ops.average_pool(x, 2), [(1, 4, 4, 3)], 4 * 12),
    "max_pool": (lambda x: ops.max_pool(x, (2, 4)), [(1, 4, 4, 3)], 7 * 6),
    "no arithmetic": (lambda x: ops.transpose(ops.where(x > 0.0, x, x)), [(3, 4)], 0),
    "integers": (lambda x: ops.argmax(x) + 1, [(3, 4)], 0),
    "composed": (ops.silu, [(3, 4)], 24),
    "scan": (lambda x: ops.scan(lambda c, t: (c + t, c * t), ops.zeros((4,)), x)[1], [(7, 4)], 7 * 2 * 4),
    "cond": (
        lambda x: ops.cond(ops.sum(x) > 0.0, lambda x: x * 2.0 + 1.0, lambda x: x, (x,)),
        [(3, 4)],
        11 + 24,
    ),
    "its own gradient": (
        lambda x: ops.custom_gradient(lambda x: (x * 2.0, lambda dy: dy * 3.0 + dy))(x),
        [(3, 4)],
        12,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ONES)
def test_one_op(name):
    function, shapes, expected = ONES[name]
    count = of(function, *shapes)
    assert (count.total, count.uncounted) == (expected, set())


def test_what_was_computed_before_a_function_counts_once():
    """The body of a scan closes over a product, which is computed once and not seven times."""
    count = of(
        lambda x, w: ops.scan(lambda c, t: (c + t, ops.matmul(t, w)), ops.zeros((2, 4)), x)[1], (7, 2, 4), (4, 4)
    )
    assert count.by_op == {"matmul": 7 * 2 * 2 * 4 * 4, "add": 7 * 8}


def test_random_numbers_have_no_count():
    count = of(lambda x: x + ops.random.normal((3, 4)), (3, 4))
    assert (count.total, count.uncounted) == (None, {"random_normal"})


def test_an_unknown_length_has_no_count():
    traced = Tracer().trace(Calls(ops.exp), (TensorSpec((None, 3)),), {}, training=False).calls[-1]
    assert flops.count(traced).uncounted == {"exp"}


@pytest.mark.parametrize("name", ["while_loop", "random_uniform"])
def test_uncounted_ops_have_a_reason(name):
    assert len(flops.UNCOUNTED[name]) > 10


def test_the_answers_of_a_call_lead_one_way():
    with answered(lambda tensor: True):
        call = Tracer()
        plan = call.plan_of(Calls(lambda x: ops.exp(x) if ops.sum(x) > 0.0 else x), "")
        from unidl.description.trace import tracing
        from unidl.graph.tensor import placeholder

        with tracing():
            call.call(plan, (placeholder(TensorSpec((2,))),), {})
    assert [node.op.name for node in plan.calls[-1].nodes if isinstance(node, OpCall)] == ["exp"]


# -- oracles -----------------------------------------------------------------------------------------------------------------

PRODUCTS = ("matmul", "einsum", "conv", "conv_transpose")  # what torch's counter counts

ORACLE = {
    "dense": (lambda: Sequential([layers.Dense(7), layers.Dense(5)]), (4, 3)),
    "convolutions": (
        lambda: Sequential([layers.Conv2D(4, 3, strides=2, padding="same"), layers.Conv2DTranspose(6, 3, strides=2)]),
        (2, 9, 9, 3),
    ),
    "grouped": (lambda: Sequential([layers.Conv2D(4, 3, groups=2, dilation_rate=2), layers.Dense(2)]), (2, 11, 9, 4)),
    "attention": (attention, (2, 5, 8)),
    "lstm": (lambda: Sequential([layers.LSTM(6)]), (3, 5, 4)),
}


@pytest.mark.parametrize("name", ORACLE)
def test_torch_counts_the_same_products(name):
    """The definition, for torch's counter sees no product inside its fused LSTM."""
    from torch.utils.flop_counter import FlopCounterMode

    from unidl.backends.lowering import definitions_only

    make, shape = ORACLE[name]
    model = make()
    with definitions_only():
        model.build(rows(*shape), backend="torch")
        with FlopCounterMode(display=False) as counter:
            model(rows(*shape))
    mine = counted(model, rows(*shape)).by_op
    assert sum(mine[op] for op in PRODUCTS) == counter.get_total_flops()
    assert counter.get_total_flops() > 0


@pytest.mark.parametrize("name", ["dense", "convolutions"])
def test_tensorflow_counts_the_same(name):
    """TensorFlow's profiler counts products and biases; its transposed convolutions it does not count."""
    import tensorflow as tf

    make, shape = ORACLE[name]
    model = Sequential([make().layers["conv2d"]]) if name == "convolutions" else make()
    model.build(rows(*shape), backend="tensorflow")
    profiler = tf.compat.v1.profiler
    graph = tf.function(model.native, input_signature=[tf.TensorSpec(shape)]).get_concrete_function().graph
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output().build()
    assert profiler.profile(graph, options=options).total_float_ops == counted(model, rows(*shape)).total


class Gated(unidl.Model):
    def __init__(self):
        self.gate, self.out = unidl.layers.Dense(100), unidl.layers.Dense(2)

    def forward(self, x):
        if unidl.ops.mean(self.gate(x)) > -100.0:
            x = x * 2.0
        return self.out(x)


def test_what_only_decides_is_counted(backend):
    """(4, 50) through the gate, its mean of 400 numbers, a product, and the layer at the end."""
    model = Gated().build((50,), backend=backend)
    seen = unidl.inspect(model, np.ones((4, 50), "float32"), compiler=False, times=False)
    gate, out = 2 * 4 * 50 * 100 + 400, 2 * 4 * 50 * 2 + 8
    assert {cost.path: cost.flops for cost in seen.costs} == {"": gate + 400 + 200 + out, "gate": gate, "out": out}
