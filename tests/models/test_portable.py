"""Models built with random="portable": each layer's draws are those of (seed, step, its path, call), however the model is run."""

import copy
import threading

import numpy as np
import pytest

import unidl
from tests.ops.portable_oracle import Draws
from unidl import layers, ops
from unidl.backends import registry
from unidl.errors import ArgumentError, NotPortableError
from unidl.ops.stream import step_of

pytestmark = pytest.mark.refused_on_jax

SEED = 5
X = np.ones((4, 6))


@unidl.register
class UniformNoise(unidl.Layer):
    """Adds uniform numbers, in either mode if asked to."""

    def __init__(self, always=False):
        self.always = always

    def forward(self, x):
        return x + ops.random.uniform(like=x) if self.always or self.training else x


@unidl.register
class ManyDraws(unidl.Model):
    """One layer called twice, another once, and a draw of its own."""

    def __init__(self):
        self.shared = UniformNoise()
        self.blocks = [layers.Dropout(0.5)]

    def forward(self, x):
        y = self.blocks[0](self.shared(self.shared(x)))
        return y + ops.random.uniform(like=y) if self.training else y


def twice(step):
    shared = Draws(SEED, step, "shared")
    y = X + shared.uniform(24, "float64").reshape(4, 6)
    y = y + shared.uniform(24, "float64").reshape(4, 6)
    y = np.where(Draws(SEED, step, "blocks/0").kept(24, 0.5).reshape(4, 6), y / 0.5, 0.0)
    return y + Draws(SEED, step).uniform(24, "float64").reshape(4, 6)


def built(model, backend, **given):
    return model.build((6,), backend=backend, precision="float64", seed=SEED, random="portable", **given)


def numbers(model, **given):
    return unidl.to_numpy(model(X, **given))


def test_each_path_has_its_draws(backend):
    m = built(ManyDraws(), backend)
    for step in (1, 2, 3):
        np.testing.assert_array_equal(numbers(m), X)  # inference draws nothing, and is no step
        np.testing.assert_array_equal(numbers(m, training=True), twice(step))


def test_a_functional_model(backend):
    """Keras runs it in an order of its own; each path has its own count."""
    x = unidl.Input((6,), dtype="float64")
    shared = UniformNoise()
    a = layers.Dropout(0.5)(shared(x))
    b = layers.Dropout(0.25)(x)
    m = unidl.Model(x, layers.Add()([a, b, shared(b)]))
    m.build(backend=backend, precision="float64", seed=SEED, random="portable")
    noise, first, second = "uniform_noise", "dropout", "dropout_2"
    for step in (1, 2):
        d = Draws(SEED, step, noise)
        one, two = (d.uniform(24, "float64").reshape(4, 6) for _ in range(2))
        wanted_a = np.where(Draws(SEED, step, first).kept(24, 0.5).reshape(4, 6), (X + one) / 0.5, 0.0)
        wanted_b = np.where(Draws(SEED, step, second).kept(24, 0.25).reshape(4, 6), X / 0.75, 0.0)
        wanted = wanted_a + wanted_b + (wanted_b + two)
        np.testing.assert_allclose(numbers(m, training=True), wanted, rtol=1e-15)


def test_inference_that_draws_is_a_step_too(backend):
    m = built(unidl.Sequential([UniformNoise(always=True)]), backend)
    for step in (1, 2):
        wanted = X + Draws(SEED, step, "uniform_noise").uniform(24, "float64").reshape(4, 6)
        np.testing.assert_array_equal(numbers(m), wanted)


def test_a_part_counts_its_own_steps(backend):
    m = built(unidl.Sequential([unidl.Sequential([UniformNoise()], name="body")]), backend)
    first = X + Draws(SEED, 1, "body/uniform_noise").uniform(24, "float64").reshape(4, 6)
    np.testing.assert_array_equal(numbers(m, training=True), first)
    np.testing.assert_array_equal(unidl.to_numpy(m.layers["body"](X, training=True)), first)


def test_a_model_inside_seeded_draws_from_its_own_seed(backend):
    m = built(ManyDraws(), backend)
    with ops.random.seeded(99):
        np.testing.assert_array_equal(numbers(m, training=True), twice(1))
    np.testing.assert_array_equal(numbers(m, training=True), twice(2))


def test_a_frozen_layer_rests(backend):
    m = built(ManyDraws(), backend)
    m.freeze("blocks/*")
    m.freeze("shared")
    np.testing.assert_array_equal(numbers(m, training=True), X + Draws(SEED, 1).uniform(24, "float64").reshape(4, 6))


def test_copies_keep_it(backend, tmp_path):
    m = built(ManyDraws(), backend)
    numbers(m, training=True)
    m.save(tmp_path / "m.unidl")
    others = [m.copy(), copy.deepcopy(m), unidl.load(tmp_path / "m.unidl", backend=backend)]
    for other in others:  # another model: from the first step on
        np.testing.assert_array_equal(numbers(other, training=True), twice(1))
    converted = unidl.convert(m, "torch" if backend != "torch" else "tensorflow")
    np.testing.assert_array_equal(numbers(converted, training=True), twice(1))
    np.testing.assert_array_equal(numbers(m, training=True), twice(2))


def test_what_runs_and_why(backend):
    m = unidl.Sequential(
        [
            layers.Dense(6),
            layers.Dropout(0.5),
            layers.Dropout(0.0),
            layers.Reshape((2, 3)),
            layers.MultiHeadAttention(1, 3, dropout=0.1),
            layers.MultiHeadAttention(1, 3),
        ]
    ).build((6,), backend=backend, random="portable")
    ways = {row.path: row for row in m.lowering()}
    for path in ("dropout", "multi_head_attention"):
        assert ways[path].way == "definition"
        assert ways[path].reason.startswith('random="portable": its definition draws')
    for path in ("dense", "dropout_2", "multi_head_attention_2"):
        # TensorFlow has no layers of its own; for attention unidl has one there
        native = backend != "tensorflow" or path == "multi_head_attention_2"
        assert (ways[path].way == "native") == native, ways[path]


def test_the_state_is_no_weight(backend):
    m, plain = built(ManyDraws(), backend), ManyDraws().build((6,), backend=backend)
    assert m.weights() == plain.weights() == {}
    if backend == "torch":
        assert m.native.state_dict() == {}
    else:
        assert list(m.native.variables) == []


def test_threads_do_not_mix(backend):
    models = [built(ManyDraws(), backend) for _ in range(2)]
    for m in models:
        numbers(m, training=True)
    found = {}

    def run(number):
        found[number] = [numbers(models[number], training=True) for _ in range(20)]

    threads = [threading.Thread(target=run, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(2):
        np.testing.assert_array_equal(found[number], [twice(step) for step in range(2, 22)])


# -- what is refused -----------------------------------------------------------------------------------------------------------


class Unsteady(unidl.Layer):
    def __init__(self):
        self.dropout = layers.Dropout(0.5)

    def forward(self, x):
        if ops.sum(x) > 0:
            x = self.dropout(x)
        return x


class Looped(unidl.Layer):
    def forward(self, x):
        def step(c, e):
            return c + ops.random.uniform(like=e), e

        return ops.scan(step, ops.zeros_like(x[0]), x)[1]


def test_a_count_that_depends_on_the_data(backend):
    with pytest.raises(
        NotPortableError, match=r"Unsteady 'unsteady' branches on tensors in Python and draws random numbers"
    ):
        built(unidl.Sequential([Unsteady()]), backend)
    with pytest.raises(NotPortableError, match=r"In Looped 'looped': A random op stands in the body of ops\.scan"):
        built(unidl.Sequential([Looped()]), backend)


def test_a_layer_of_a_model_with_other_random_numbers(backend):
    shared = unidl.Sequential([layers.Dropout(0.5)])
    unidl.Sequential([shared]).build((6,), backend=backend)
    with pytest.raises(ArgumentError, match=r"belongs to a model built with random='native'"):
        unidl.Sequential([shared]).build((6,), backend=backend, random="portable")


def test_no_such_source(backend):
    with pytest.raises(ArgumentError, match=r"Model\.build: invalid value for random"):
        built(unidl.Sequential([UniformNoise()]), backend) and ManyDraws().build((6,), backend=backend, random="numpy")


# -- torch ---------------------------------------------------------------------------------------------------------------------


def test_torch_compiled_whole():
    import torch

    m = built(ManyDraws(), "torch")
    torch.compiler.reset()
    graphs = []

    def count(graph, _):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(m.native.train(), fullgraph=True, backend=count)
    for step in (1, 2, 3, 4):
        np.testing.assert_array_equal(compiled(torch.tensor(X)).numpy(), twice(step))
    assert len(graphs) == 1


def test_torch_in_a_step_of_the_trainer_is_compiled_once_for_each_call():
    """Another call in the same step draws other numbers, so it is another graph; another step is none."""
    import torch

    b = registry.load("torch")
    m = built(unidl.Sequential([UniformNoise()]), "torch")
    torch.compiler.reset()
    graphs = []
    native = m.native.train()
    compiled = torch.compile(native, fullgraph=True, backend=lambda graph, _: graphs.append(graph) or graph.forward)
    for step in (1, 2, 3):
        d = Draws(SEED, step, "uniform_noise")
        with step_of(b.next_random_state(native)):
            for _ in range(2):
                found = compiled(torch.tensor(X)).numpy()
                np.testing.assert_array_equal(found, X + d.uniform(24, "float64").reshape(4, 6))
    assert len(graphs) == 2


def test_torch_func():
    """As batch norm's buffers, the state is handed in where it changes."""
    import torch

    m = built(unidl.Sequential([layers.Dropout(0.5)]), "torch")
    native = m.native.train()

    def f(x, states):
        return torch.func.functional_call(native, states, (x,)).sum()

    states = {name: buffer.clone() for name, buffer in native.named_buffers()}
    gradient = torch.func.grad(f)(torch.tensor(X), states)
    kept = Draws(SEED, 1, "dropout").kept(24, 0.5).reshape(4, 6)
    np.testing.assert_array_equal(gradient.numpy(), np.where(kept, 2.0, 0.0))
    assert native.random_state.tolist() == [SEED, 0]


def test_torch_exported():
    import torch

    m = built(ManyDraws(), "torch")
    exported = torch.export.export(m.native.train(), (torch.tensor(X),)).module()
    for step in (1, 2):
        np.testing.assert_array_equal(exported(torch.tensor(X)).numpy(), twice(step))


# -- TensorFlow ----------------------------------------------------------------------------------------------------------------


def test_tensorflow_traces_once():
    m = built(ManyDraws(), "tensorflow")
    for step in (1, 2, 3):
        np.testing.assert_array_equal(numbers(m, training=True), twice(step))
    assert [trace.kind for trace in m.native.traces] == ["training"]


@pytest.mark.parametrize("jit", [False, True])
def test_tensorflow_takes_many_steps_in_one_call(jit):
    import tensorflow as tf

    b = registry.load("tensorflow")
    m = built(ManyDraws(), "tensorflow")

    @tf.function(jit_compile=jit)
    def steps(count):
        def body(i, found):
            with step_of(b.next_random_state(m.native)):
                return i + 1, tf.tensor_scatter_nd_update(found, [[i]], [m.native(tf.constant(X), training=True)])

        zeros = tf.zeros((5, 4, 6), tf.float64)
        return tf.while_loop(lambda i, _: i < count, body, (0, zeros), maximum_iterations=5)[1]

    # the draws have the same bits; TensorFlow may add them up in another order
    np.testing.assert_allclose(steps(tf.constant(5)).numpy(), [twice(step) for step in range(1, 6)], rtol=1e-15)
    b.set_random_state(m.native, SEED, 100)
    np.testing.assert_allclose(steps(tf.constant(2)).numpy()[:2], [twice(101), twice(102)], rtol=1e-15)


# -- Keras ---------------------------------------------------------------------------------------------------------------------


def test_keras_called_as_keras():
    """Then nobody says when a step of a functional model starts: each layer that draws counts its own calls."""
    keras = registry.load("keras").keras
    m = built(unidl.Sequential([UniformNoise(), layers.Dropout(0.5)]), "keras")
    assert m.lowering()[0].native == "keras.Model"
    for step in (1, 2):
        y = X + Draws(SEED, step, "uniform_noise").uniform(24, "float64").reshape(4, 6)
        wanted = np.where(Draws(SEED, step, "dropout").kept(24, 0.5).reshape(4, 6), y / 0.5, 0.0)
        found = m.native(keras.ops.convert_to_tensor(X, "float64"), training=True)
        np.testing.assert_array_equal(unidl.to_numpy(found), wanted)
