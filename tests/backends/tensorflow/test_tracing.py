"""Building a graph and running it are two things, counted; Python control flow on tensors becomes nodes."""

import linecache
import textwrap

import numpy as np
import pytest
import tensorflow as tf

import unidl
from unidl import Model, Sequential, layers, ops
from unidl.errors import NotPortableError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6)).astype("float32")  # (batch, inputs)


def predicted(model, *inputs, **named):
    return unidl.to_numpy(model(*inputs, **named))


def kinds(native):
    return [trace.kind for trace in native.traces]


def node_types(graph):
    """Types of the nodes of a graph and of the graphs inside it."""
    definition = graph.as_graph_def()
    return {
        node.op
        for part in (definition, *definition.library.function)
        for node in getattr(part, "node_def", part.node if part is definition else [])
    }


# -- counting ----------------------------------------------------------------------------------------------------------------


def test_one_trace_serves_any_batch_size():
    model = Sequential([layers.Dense(5, activation="relu"), layers.Dense(2)]).build((6,), backend="tensorflow")
    native = model.native
    assert native.traces == ()
    assert native.runs == 0
    for rows in (1, 4, 3, 0):
        assert predicted(model, X[:rows]).shape == (rows, 2)
    assert kinds(native) == ["inference"]
    assert native.runs == 4
    assert native.traces[0].seconds > 0
    for rows in (1, 4):
        model(X[:rows], training=True)
    assert kinds(native) == ["inference", "training"]


def test_a_free_axis_costs_no_trace():
    model = Sequential([layers.Dense(5)]).build((None, 6), backend="tensorflow")
    for steps in (1, 3, 5):
        assert predicted(model, np.zeros((2, steps, 6))).shape == (2, steps, 5)
    assert kinds(model.native) == ["inference"]


def test_the_graph_can_be_read_node_by_node():
    model = Sequential([layers.Dense(5, activation="relu"), layers.Dense(2)]).build((6,), backend="tensorflow")
    graph = model.native.graph()
    names = [operation.name for operation in graph.get_operations()]
    assert {"input", "dense/MatMul", "dense/Relu", "dense_2/MatMul"} <= set(names)
    assert {"MatMul", "Relu", "BiasAdd"} <= node_types(graph)
    assert kinds(model.native) == ["inference"]
    assert model.native.runs == 0
    predicted(model, X)
    assert kinds(model.native) == ["inference"]  # reading the graph and running it are one trace
    assert graph is model.native.graph()
    assert model.native.function() is model.native.function(training=False)


def test_many_inputs_and_plain_arguments():
    class Net(Model):
        def __init__(self):
            self.dense = layers.Dense(3)

        def forward(self, pair, scale=1.0, *, deep=False):
            y = self.dense(pair["a"]) + self.dense(pair["b"])
            return {"y": y * scale, "same": [y, None] if deep else [y]}

    data = {"a": X, "b": 2 * X}
    for backend in ("torch", "tensorflow"):
        model = Net().build({"a": (6,), "b": (6,)}, backend=backend)
        y = model(data)
        np.testing.assert_allclose(unidl.to_numpy(y["y"]), 3 * X @ model.weights()["dense/kernel"], atol=1e-5)
        twice = model(data, scale=2.0, deep=True)
        np.testing.assert_allclose(unidl.to_numpy(twice["y"]), 2 * unidl.to_numpy(y["y"]), atol=1e-5)
        assert twice["same"][1] is None
    model(data, deep=True, scale=2.0)
    model(data, scale=2.0)
    model.native({"a": tf.constant(X), "b": tf.constant(X)}, 2.0)
    model.native({"a": tf.constant(X[:2]), "b": tf.constant(X[:2])}, 2.0)
    assert kinds(model.native) == ["inference"] * 4  # none for the order of names or the batch size


def test_a_layer_that_is_used_in_two_shapes_has_one_graph_for_both():
    class Net(Model):
        def __init__(self):
            self.dense = layers.Dense(3)

        def forward(self, long, short):
            return ops.sum(self.dense(long), axis=1) + ops.sum(self.dense(short), axis=1)

    model = Net().build((5, 6), (2, 6), backend="tensorflow")
    long, short = np.ones((4, 5, 6), "float32"), np.ones((4, 2, 6), "float32")
    dense = model.native.dense
    expected = tf.reduce_sum(dense(long), 1) + tf.reduce_sum(dense(short), 1)
    np.testing.assert_allclose(predicted(model, long, short), expected.numpy(), rtol=1e-5)
    assert kinds(dense) == ["inference"]


def test_many_models_are_no_cause_for_a_warning(caplog):
    for _ in range(8):
        model = Sequential([layers.Dense(1)]).build((6,), backend="tensorflow")
        predicted(model, X)
        predicted(model, X[:2])
    assert not caplog.records


def test_tensorflows_eager_debugging_runs_the_definition_as_python():
    seen = []

    class Looks(unidl.Layer):
        def forward(self, x):
            seen.append(isinstance(x, tf.Tensor) and not tf.is_symbolic_tensor(x))
            return x * 2.0

    model = Sequential([Looks()]).build((6,), backend="tensorflow")
    predicted(model, X)
    seen.clear()
    tf.config.run_functions_eagerly(True)
    try:
        np.testing.assert_array_equal(predicted(model, X), 2 * X)
        assert seen == [True]
    finally:
        tf.config.run_functions_eagerly(False)


# -- inside other graphs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["model", "native"])
@pytest.mark.parametrize("autograph", [False, True])
def test_in_a_users_function_the_model_is_part_of_the_graph(how, autograph):
    model = Sequential([layers.Dense(5, activation="tanh")]).build((6,), backend="tensorflow")
    call = model if how == "model" else model.native

    @tf.function(autograph=autograph, input_signature=[tf.TensorSpec((None, 6))])
    def run(x):
        return call(x) * 2.0

    np.testing.assert_allclose(run(X).numpy(), 2 * predicted(model, X), rtol=1e-6)
    operations = [operation.type for operation in run.get_concrete_function().graph.get_operations()]
    assert "MatMul" in operations
    assert not [kind for kind in operations if "Call" in kind]
    assert kinds(model.native) == ["inference"]  # the call of predicted


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_gradients_flow_as_in_torch(compiled, training):
    def value(model, x):
        return ops.mean(ops.square(model(x, training=training)))

    found = {}
    for backend in ("torch", "tensorflow"):
        model = Sequential([layers.Dense(5), layers.BatchNormalization(), layers.Dense(2)])
        model.build((6,), backend=backend, precision="float64", seed=1)
        x = unidl.backends.registry.load(backend).to_tensor(X.astype("float64"))
        if backend == "torch":
            found[backend] = unidl.grad(lambda x, m=model: value(m, x), of=model)(x)
        elif compiled:
            found[backend] = unidl.jit(lambda x, m=model: unidl.grad(lambda z: value(m, z), of=m)(x))(x)
        else:
            with tf.GradientTape() as tape:
                loss = value(model, x)
            slots = {path: slot.native for path, slot in model.weight_slots().items() if slot.native.trainable}
            found[backend] = tape.gradient(loss, slots)
    assert found["torch"].keys() == found["tensorflow"].keys()
    for path, gradient in found["torch"].items():
        np.testing.assert_allclose(
            unidl.to_numpy(found["tensorflow"][path]), unidl.to_numpy(gradient), rtol=1e-9, atol=1e-12
        )


def test_a_plain_loop_of_tensorflow_trains_the_native_module():
    model = Sequential([layers.Dense(1)]).build((6,), backend="tensorflow")
    y = X.sum(1, keepdims=True)
    losses = []
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model.native(X, training=True) - y) ** 2)
        for variable, gradient in zip(
            model.native.trainable_variables, tape.gradient(loss, model.native.trainable_variables), strict=True
        ):
            variable.assign_sub(0.1 * gradient)
        losses.append(float(loss))
    assert losses[-1] < 1e-2 * losses[0]
    np.testing.assert_array_equal(model.weights()["dense/bias"], model.native.dense.bias.numpy())
    assert kinds(model.native) == ["training"]


# -- training and states -----------------------------------------------------------------------------------------------------


class Stateful(unidl.Layer):
    """Reads its state, moves it twice, and reads it again."""

    def setup(self, shape):
        self.add_weight("count", (), "zeros", trainable=False)

    def forward(self, x):
        before = self.count + 0.0
        self.update("count", self.count + 1.0)
        self.update("count", self.count * 10.0)
        return x * 0.0 + (before * 1000.0 + self.count if self.training else -1.0)


@pytest.mark.parametrize("within", ["call", "function"])
def test_updates_happen_in_training_only_and_in_order(within):
    model = Sequential([Stateful()]).build((1,), backend="tensorflow")
    one = np.zeros((1, 1), "float32")

    def training(x):
        return model(x, training=True)

    run = tf.function(training) if within == "function" else training
    assert float(run(tf.constant(one))[0, 0]) == 10.0
    assert float(run(tf.constant(one))[0, 0]) == 10 * 1000 + 110
    assert predicted(model, one)[0, 0] == -1.0
    assert model.weights()["stateful/count"] == 110


@pytest.mark.parametrize("layer", [layers.BatchNormalization(), Stateful()])
def test_a_frozen_layer_rests_in_training_also_after_a_trace(layer):
    model = Sequential([layers.Dense(3), layer]).build((6,), backend="tensorflow", seed=2)
    path = list(model.native.unidl.plan.children)[1]
    states = [name for name in model.weights() if name.startswith(path) and "gamma" not in name and "beta" not in name]

    def now():
        return [model.weights()[name].copy() for name in states]

    first = now()
    model(X, training=True)
    moved = now()
    assert all((a != b).any() for a, b in zip(first, moved, strict=True))
    inference = predicted(model, X)

    model.freeze(path)
    np.testing.assert_array_equal(predicted(model, X, training=True), inference)
    for a, b in zip(moved, now(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not {v.name.split("/")[0] for v in model.native.trainable_variables} & {path}

    model.unfreeze(path)
    assert (predicted(model, X, training=True) != inference).any()
    assert all((a != b).any() for a, b in zip(moved, now(), strict=True))
    assert kinds(model.native) == ["training", "inference", "training"]  # the first trace served again


def test_ops_without_tensors_find_tensorflow():
    class Shifted(unidl.Layer):
        def forward(self, x):
            return x + ops.arange(6, dtype="float32") + ops.ones((6,))

    model = Sequential([Shifted()]).build((6,), backend="tensorflow")
    with unidl.using("torch"):
        np.testing.assert_allclose(model.native(X).numpy(), X + np.arange(6) + 1, rtol=1e-6)
        np.testing.assert_allclose(predicted(model, X, training=True), X + np.arange(6) + 1, rtol=1e-6)


def test_random_layers_draw_anew_at_each_run_of_one_trace():
    model = Sequential([layers.Dropout(0.5)]).build((50,), backend="tensorflow")
    one = np.ones((3, 50), "float32")
    backend = unidl.backends.registry.load("tensorflow")
    with backend.random_state(3, None):
        a, b = predicted(model, one, training=True), predicted(model, one, training=True)
    with backend.random_state(3, None):
        c = predicted(model, one, training=True)
    assert (a != b).any()
    np.testing.assert_array_equal(a, c)
    assert set(np.unique(a)) == {0.0, 2.0}
    assert kinds(model.native) == ["training"]


# -- control flow ------------------------------------------------------------------------------------------------------------


class Either(Model):
    """One of two layers, as the data says."""

    def __init__(self):
        self.up, self.down = layers.Dense(6), layers.Dense(6)

    def forward(self, x):
        if ops.mean(x) > 0:
            y = self.up(x)
        else:
            x = x + 1.0
            y = self.down(x) * 2.0
        return y


class Deep(Model):
    """As deep as the data says."""

    def __init__(self):
        self.hidden = layers.Dense(6, kernel_initializer="orthogonal")

    def forward(self, x):
        while ops.sum(ops.square(x)) > 0.5:
            x = 0.7 * self.hidden(x)
        return x


class Helped(Either):
    """The question is in a method, in a list comprehension's function, and behind super()."""

    def smaller(self, x):
        if ops.max(x) > 1.0:
            return x / ops.max(x)
        return x

    def forward(self, x):
        return self.smaller(super().forward(shrunk(x)))


def shrunk(x):
    """A function beside the class."""
    while ops.max(ops.abs(x)) > 3.0:
        x = x / 2.0
    return x


class Nested(Model):
    """Static itself, with a dynamic layer inside that counts its calls."""

    class Inner(unidl.Layer):
        def __init__(self):
            self.hidden = layers.Dense(6)

        def setup(self, shape):
            self.add_weight("calls", (), "zeros", trainable=False)

        def forward(self, x):
            self.update("calls", self.calls + 1.0)
            for _ in range(2):
                if ops.mean(x) > 0 and self.training:
                    self.update("calls", self.calls + 10.0)
                    x = self.hidden(x)
                elif ops.mean(x) < -0.5:
                    x = x * 0.5
            return x

    def __init__(self):
        self.inner = Nested.Inner()

    def forward(self, x):
        return self.inner(x) + 1.0


CASES = [
    (Either, {"If", "StatelessIf"}),
    (Deep, {"While", "StatelessWhile"}),
    (Helped, {"If", "StatelessIf"}),
    (Nested, {"If", "StatelessIf"}),
]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("cls", "nodes"), CASES, ids=lambda p: getattr(p, "__name__", ""))
def test_branches_and_loops_on_tensors_become_nodes(cls, nodes, training):
    model, twin = cls().build((6,), backend="tensorflow", seed=4), cls().build((6,), backend="torch", seed=4)
    for shift in (-3.0, -1.0, 1.0, 8.0):
        x = X + shift
        np.testing.assert_allclose(
            predicted(model, x, training=training), predicted(twin, x, training=training), rtol=2e-5, atol=2e-6
        )
    for path, value in model.weights().items():
        np.testing.assert_allclose(value, twin.weights()[path], err_msg=path)
    assert kinds(model.native) == ["training" if training else "inference"]  # one graph for every depth
    assert node_types(model.native.graph(training)) & nodes


@pytest.mark.parametrize("cls", [Either, Deep, Helped])
def test_gradients_flow_through_branches_and_loops(cls):
    found = {}
    for backend in ("tensorflow", "torch"):
        model = cls().build((6,), backend=backend, precision="float64", seed=4)
        x = unidl.backends.registry.load(backend).to_tensor(X.astype("float64") + 1.0)
        found[backend] = unidl.grad(lambda x, m=model: ops.sum(ops.square(m(x))), of=model)(x)
    for path, gradient in found["torch"].items():
        np.testing.assert_allclose(
            unidl.to_numpy(found["tensorflow"][path]), unidl.to_numpy(gradient), rtol=1e-9, atol=1e-12
        )


def test_a_dynamic_model_trains_as_in_torch():
    y = X.sum(1, keepdims=True)
    curves = {}
    for backend in ("tensorflow", "torch"):
        model = Sequential([Either(), layers.Dense(1)])
        trainer = unidl.Trainer(
            model, loss="mse", optimizer=unidl.optimizers.SGD(0.01), backend=backend, precision="float64"
        )
        curves[backend] = trainer.fit(X, y, epochs=5, batch_size=2, progress=False).step_loss
    np.testing.assert_allclose(curves["tensorflow"], curves["torch"], rtol=1e-9)


def test_autograph_converts_the_users_code_only(monkeypatch):
    """Ops and layers inside a converted forward run from their own files, not from code that AutoGraph generated."""
    seen = []

    class Looks(unidl.Layer):
        def forward(self, x):
            import sys

            frame, files = sys._getframe(1), []
            while frame is not None:
                files.append((frame.f_code.co_name, frame.f_code.co_filename))
                frame = frame.f_back
            seen.append(files)
            return x

    class Outer(Model):
        def __init__(self):
            self.looks = Looks()

        def forward(self, x):
            if ops.mean(x) > 0:
                x = self.looks(x)
            return x

    model = Outer().build((6,), backend="tensorflow")
    seen.clear()
    predicted(model, X)
    (frames,) = seen
    generated = {name for name, file in frames if "__autograph_generated_file" in file}
    assert "tf__forward" in generated  # the probe can fail
    assert not [name for name in generated if "call" in name]
    assert "__call__" in {name for name, _ in frames} - generated


SOURCE = textwrap.dedent(
    """
    from unidl import Layer, Model, ops

    def positive(x):
        return ops.mean(x) > 0

    def flipped(x):
        if ops.mean(x) > 0:
            x = -x
        return x

    class Branch(Layer):
        def forward(self, x):
            if ops.mean(x) > 0:
                x = -x
            return x

    class Portable(Layer):
        def forward(self, x):
            return ops.cond(ops.mean(x) > 0, lambda x: -x, lambda x: x, (x,))
    """
)


def defined_by_exec():
    namespace = {"__name__": "somewhere"}
    exec(compile(SOURCE, "<exec>", "exec"), namespace)
    assert not linecache.getlines("<exec>")
    return namespace


def test_a_class_without_source_is_told_what_works_everywhere():
    model = Sequential([defined_by_exec()["Branch"]()]).build((6,), backend="tensorflow")
    with pytest.raises(NotPortableError) as error:
        model(X)
    sentence = str(error.value)
    assert "Branch 'branch'" in sentence
    assert "has no source to convert" in sentence
    for name in ("ops.cond", "ops.while_loop", "ops.scan"):
        assert name in sentence


@pytest.mark.filterwarnings("ignore:AutoGraph could not transform")
def test_a_function_without_source_likewise():
    flipped = defined_by_exec()["flipped"]

    class Uses(unidl.Layer):
        def forward(self, x):
            return flipped(x)

    model = Sequential([Uses()]).build((6,), backend="tensorflow")
    with pytest.raises(NotPortableError, match=r"ops\.cond, ops\.while_loop or ops\.scan"):
        model(X)


def test_what_the_error_names_works_without_source():
    model = Sequential([defined_by_exec()["Portable"]()]).build((6,), backend="tensorflow")
    for x in (X - X.mean() + 1, X - X.mean() - 1):
        np.testing.assert_allclose(predicted(model, x), -x if x.mean() > 0 else x)
