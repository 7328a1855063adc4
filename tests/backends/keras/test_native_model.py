"""The native object is a Keras model like any other, functional where it can be, and holds the only copy of the weights."""

import keras
import numpy as np
import pytest

import unidl
from tests.models.tied import TIED
from tests.models.tied import built as tied_model
from unidl import Model, Sequential, layers, ops
from unidl.errors import NativeStructureError, NotPortableError

pytestmark = pytest.mark.parametrize("backend", ["keras"])

JAX = keras.backend.backend() == "jax"
python_control_flow = pytest.mark.skipif(JAX, reason="refused on jax, see test_jax_refuses_what_it_cannot_do")

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


class Noisy(unidl.Layer):
    """A state, a random draw, and another way in training."""

    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), "ones")
        self.add_weight("calls", (), "zeros", trainable=False)

    def forward(self, x):
        self.update("calls", self.calls + 1.0)
        return x * self.gain + ops.random.normal(like=x) if self.training else x * self.gain


class Block(Model):
    def __init__(self, units):
        self.parts = [layers.Dense(units, activation="relu"), layers.Dense(units)]
        self.by_name = {"last": layers.Dense(units)}

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return self.by_name["last"](x)


class Net(Model):
    """Nested, shared, many outputs."""

    def __init__(self):
        self.body = Block(4)
        self.shared = layers.Dense(4)
        self.head = layers.Dense(3)

    def forward(self, x):
        y = self.shared(self.shared(self.body(x)))
        return {"out": self.head(ops.tanh(y)), "features": [y, x]}


class Dynamic(Model):
    def __init__(self):
        self.hidden = layers.Dense(4)
        self.head = layers.Dense(2)

    def forward(self, x):
        x = self.hidden(x)
        while ops.max(ops.abs(x)) > 1.0:
            x = x * 0.5
        if ops.mean(x) > 0.0:
            x = self.hidden(x)
        return self.head(x)


def images():
    return Sequential([
        layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"), layers.BatchNormalization(), layers.Flatten(), layers.Dense(3),
    ])  # fmt: skip


def drawn():
    x = unidl.Input((4,), name="features")
    y = layers.Dense(4, activation="tanh")(x)
    return Model(x, layers.Dense(2)(ops.concatenate([x, y * 2.0], axis=-1)))


MODELS = {
    "sequential": (images, np.random.default_rng(1).normal(size=(5, 8, 8, 1)).astype("float32")),
    "drawn": (drawn, X),
    "nested": (Net, X),
    "custom": (lambda: Sequential([Noisy(), layers.Dense(2)]), X),
} | ({} if JAX else {"dynamic": (Dynamic, X * 5)})


def flat(nest):
    return [unidl.to_numpy(t) for t in keras.tree.flatten(nest)]


@pytest.mark.parametrize("name", MODELS)
def test_it_starts_and_computes_as_on_torch(backend, name):
    make, x = MODELS[name]
    mine, theirs = make().build(x, backend="keras", seed=3), make().build(x, backend="torch", seed=3)
    a, b = mine.weights(), theirs.weights()
    assert list(a) == list(b)
    assert all(np.array_equal(a[path], b[path]) for path in a)
    for y, expected in zip(flat(mine(x)), flat(theirs(x)), strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    for y, expected in zip(flat(mine(x[:2])), flat(theirs(x[:2])), strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def test_a_sequential_is_a_functional_model_of_keras_own_layers(backend, capsys):
    native = images().build((8, 8, 1), backend="keras").native
    assert isinstance(native, keras.models.Functional if hasattr(keras.models, "Functional") else keras.Model)
    own = (keras.layers.Conv2D, keras.layers.BatchNormalization, keras.layers.Flatten, keras.layers.Dense)
    kinds = [keras.layers.InputLayer, *own]
    assert [isinstance(layer, kind) for layer, kind in zip(native.layers, kinds, strict=True)] == [True] * 5
    assert [layer.name for layer in native.layers] == ["input", "conv2d", "batch_normalization", "flatten", "dense"]
    assert native.layers[1].activation is keras.activations.relu
    native.summary()
    assert "conv2d (Conv2D)" in capsys.readouterr().out


def test_names_do_not_depend_on_what_the_process_built(backend):
    def paths():
        return [variable.path for variable in Net().build((4,), backend="keras").native.variables]

    assert paths() == paths()
    assert paths()[0] == "net/body/body_parts_0/kernel"


def test_a_nested_model_is_a_nested_functional_model_and_a_shared_layer_one(backend):
    model = Net().build((4,), backend="keras")
    assert isinstance(model.native.get_layer("body"), keras.Model)
    assert [layer.name for layer in model.native.layers] == ["input", "body", "shared", "head"]
    outputs = model.native(X)
    assert set(outputs) == {"out", "features"}
    assert isinstance(outputs["features"], list)
    assert {row.way for row in model.lowering()} == {"native"}


def test_inputs_keep_their_structure_and_names(backend):
    a, b = unidl.Input((4,), name="left"), unidl.Input((4,), name="right")
    model = Model({"a": a, "b": b}, [ops.add(a, b)]).build(backend="keras")
    assert [i.name for i in model.native.inputs] == ["a", "b"]
    (y,) = model({"a": X, "b": X})
    np.testing.assert_allclose(unidl.to_numpy(y), 2 * X)
    listed = Model([a, b], ops.subtract(a, b)).build(backend="keras")
    assert [i.name for i in listed.native.inputs] == ["left", "right"]

    class Two(Model):
        def forward(self, x, y):
            return x - y

    two = Two().build((4,), (4,), backend="keras")
    assert [i.name for i in two.native.inputs] == ["x", "y"]
    np.testing.assert_allclose(unidl.to_numpy(two(X, y=X)), 0 * X)


class Weighted(Model):
    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), "ones")

    def forward(self, x):
        return x * self.gain


class Asks(Model):
    def forward(self, x):
        return x * 2.0 if self.training else x


class Draws(Model):
    def forward(self, x):
        return x + ops.random.normal(like=x)


class Asking(Model):
    def __init__(self):
        self.head = layers.Dense(2)

    def forward(self, x):
        return self.head(x * 2.0 if self.training else x)


class Flagged(Model):
    def forward(self, x, twice=False):
        return x + x if twice else x


class Wasteful(Model):
    def __init__(self):
        self.a, self.b = layers.Dense(2), layers.Dense(2)

    def forward(self, x):
        self.a(x)
        return self.b(x)


class Branches(Model):
    def forward(self, x):
        return ops.cond(ops.mean(x) > 0.0, lambda v: v * 2.0, lambda v: v, (x,))


@pytest.mark.parametrize(
    ("make", "args", "reason"),
    [
        pytest.param(Dynamic, ((4,),), "branches on tensors", marks=python_control_flow),
        (Weighted, ((4,),), "weights of its own"),
        (Asks, ((4,),), "self.training"),
        (Draws, ((4,),), "random numbers"),
        (Flagged, ((4,), True), "plain or named"),
        (Wasteful, ((4,),), "does not use"),
        (Branches, ((4,),), "takes a function"),
    ],
)
def test_what_is_no_graph_is_a_subclassed_model_and_says_why(backend, make, args, reason):
    model = make().build(*args, backend="keras")
    assert isinstance(model.native, keras.Model)
    assert type(model.native).__name__ == make.__name__
    row = model.lowering()[0]
    assert row.way == "definition"
    assert reason in row.reason
    given = (X, *args[1:])
    y = model(*given, training=True)
    again = make().build(*args, backend="torch")(*given, training=True)
    assert tuple(y.shape) == tuple(again.shape)
    if make is not Draws:
        np.testing.assert_allclose(unidl.to_numpy(y), unidl.to_numpy(again), rtol=1e-5, atol=1e-6)


@python_control_flow
def test_a_static_model_around_a_layer_that_branches(backend):
    class Branching(layers.Layer):
        def forward(self, x):
            return x * 2.0 if ops.sum(x) > 0.0 else -x

    m = unidl.Sequential([layers.Activation("identity"), Branching()]).build((3,), backend=backend)
    assert isinstance(m.native, keras.Model)
    for x, expected in ((np.ones((2, 3)), 2.0), (-np.ones((2, 3)), 1.0)):
        np.testing.assert_array_equal(m.predict(x), np.full((2, 3), expected))


@python_control_flow
def test_python_control_flow_runs_in_keras_own_predict(backend):
    model = Dynamic().build((4,), backend="keras")
    x = X * 5
    expected = unidl.to_numpy(model(x))
    np.testing.assert_allclose(model.native.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_a_state_moves_in_training_only_and_draws_differ(backend):
    model = Sequential([Noisy()]).build((4,), backend="keras")
    first, second = unidl.to_numpy(model(X, training=True)), unidl.to_numpy(model(X, training=True))
    assert not np.array_equal(first, second)
    model(X)
    assert model.weights()["noisy/calls"] == 2.0


def test_adapters_have_the_users_names(backend):
    class Clash(unidl.Layer):
        def setup(self, shape):
            self.add_weight("variables", (shape[-1],), "ones")
            self.add_weight("offset", (shape[-1],), "zeros")

        def __init__(self):
            self.name_of = {"a": layers.Dense(4)}

        def forward(self, x):
            return self.name_of["a"](x * self.variables) + self.offset

    model = Sequential([Clash()]).build((4,), backend="keras")
    native = model.native.get_layer("clash")
    assert type(native).__name__ == "Clash"
    assert isinstance(native.offset, keras.Variable)
    assert isinstance(native.variables_, keras.Variable)
    assert isinstance(native.name_of["a"], keras.layers.Dense)
    assert list(model.weights()) == [
        "clash/variables",
        "clash/offset",
        "clash/name_of/a/kernel",
        "clash/name_of/a/bias",
    ]
    assert model(X).shape == (6, 4)


def test_keras_own_fit_trains_the_only_copy(backend):
    model = images().build((8, 8, 1), backend="keras")
    before = model.weights()
    x, y = np.random.default_rng(0).normal(size=(16, 8, 8, 1)).astype("float32"), np.arange(16) % 3
    model.native.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.native.fit(x, y, epochs=1, batch_size=8, verbose=0)
    after = model.weights()
    assert all(not np.array_equal(before[path], after[path]) for path in before)
    np.testing.assert_allclose(model.native.predict(x, verbose=0), unidl.to_numpy(model(x)), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(after["dense/kernel"], model.native.layers[-1].get_weights()[0])


def test_keras_own_file_holds_the_model(backend, tmp_path):
    model = drawn().build(backend="keras")
    model.native.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(loaded(X)), unidl.to_numpy(model(X)), rtol=1e-6, atol=1e-6)
    model.native.save_weights(tmp_path / "model.weights.h5")
    other = drawn().build(backend="keras", seed=9)
    other.native.load_weights(tmp_path / "model.weights.h5")
    assert all(np.array_equal(other.weights()[path], value) for path, value in model.weights().items())


def test_keras_cannot_clone_a_definition_and_says_what_can(backend):
    model = Sequential([Noisy()]).build((4,), backend="keras")
    with pytest.raises(NotPortableError, match=r"cannot make 'Noisy'(.|\n)*model\.copy\(\)"):
        keras.models.clone_model(model.native)


def test_weights_go_in_and_out_unchanged(backend):
    model = Net().build((4,), backend="keras")
    values = {
        path: np.random.default_rng(5).normal(size=v.shape).astype("float32") for path, v in model.weights().items()
    }
    model.set_weights(values)
    assert all(np.array_equal(model.weights()[path], value) for path, value in values.items())
    assert all(np.array_equal(model.copy().weights()[path], value) for path, value in values.items())


def test_a_frozen_layer_rests(backend):
    model = Sequential([Noisy(), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(2)]).build(
        (4,), backend="keras"
    )
    model.freeze("*")
    before = model.weights()
    np.testing.assert_array_equal(unidl.to_numpy(model(X, training=True)), unidl.to_numpy(model(X)))
    assert all(np.array_equal(before[path], value) for path, value in model.weights().items())
    assert model.native.trainable_variables == []
    model.unfreeze("dense")
    assert [v.path for v in model.native.trainable_variables] == ["sequential/dense/kernel", "sequential/dense/bias"]
    model.unfreeze("noisy")
    model(X, training=True)
    assert model.weights()["noisy/calls"] == 1.0


def test_a_layer_that_the_user_swaps_counts(backend):
    model = Asking().build((4,), backend="keras")
    model.native.head = keras.layers.Dense(2, kernel_initializer="zeros", bias_initializer="ones")
    model.native.head.build((None, 4))
    np.testing.assert_array_equal(unidl.to_numpy(model(X)), np.ones((6, 2)))
    assert np.all(model.weights()["head/bias"] == 1.0)
    del model.native.head
    with pytest.raises(NativeStructureError, match=r"has no layer 'head' any more"):
        model.weights()


def test_building_leaves_the_users_generators_alone(backend):
    import random

    random.seed(1)
    np.random.seed(1)
    expected = random.getstate(), np.random.get_state()[1].tolist()
    images().build((8, 8, 1), backend="keras")
    assert (random.getstate(), np.random.get_state()[1].tolist()) == expected


@pytest.mark.skipif(not JAX, reason="this process runs Keras on another engine")
def test_jax_refuses_what_it_cannot_do(backend):
    with pytest.raises(NotPortableError, match=r"branches on tensors(.|\n)*ops\.cond, ops\.while_loop or ops\.scan"):
        Dynamic().build((4,), backend="keras")
    with pytest.raises(NotPortableError, match="float32 wherever two float64 tensors meet"):
        Net().build((4,), backend="keras", precision="float64")
    with pytest.raises(NotPortableError, match="whole numbers of 64 bits"):
        Net().build((4,), backend="keras", random="portable")


@pytest.mark.skipif(JAX, reason="refused on jax")
def test_a_definition_in_float64_is_exact(backend):
    model = Net().build((4,), backend="keras", precision="float64")
    expected = Net().build((4,), backend="torch", precision="float64")
    for y, other in zip(flat(model(X)), flat(expected(X)), strict=True):
        np.testing.assert_allclose(y, other, rtol=1e-10, atol=1e-12)


@pytest.mark.refused_on_jax
def test_keras_own_fit_trains_a_weight_that_another_layer_reads(backend):
    tied = TIED["language model"]
    model = tied_model(tied, "keras", "float32")
    assert model.lowering()[0].reason.endswith("reads a weight of its layers")
    y = np.ones((4, 3, 11), "float32")
    model.native.compile(keras.optimizers.SGD(0.1), "mse")
    losses = model.native.fit(tied.x, y, epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[1] < losses[0]
    np.testing.assert_allclose(model.predict(tied.x), tied.reference(model.weights(), tied.x), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.native.predict(tied.x, verbose=0), model.predict(tied.x), rtol=1e-5, atol=1e-6)
