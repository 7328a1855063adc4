"""A `.keras` file holds Keras' own, untouched classes; what Keras has not leaves as the caller says."""

import json
import zipfile

import numpy as np
import pytest

import unidl
from unidl import layers, ops
from unidl.errors import ArgumentError, ExportError

X = np.random.default_rng(0).normal(size=(6, 8, 8, 3)).astype("float32")


@pytest.fixture
def keras():
    import keras

    return keras


def classes(path):
    """The modules and classes that a file names."""
    found = set()

    def walk(node):
        if isinstance(node, dict):
            if "class_name" in node and "module" in node:
                found.add((node["module"], node["class_name"]))
            node = list(node.values())
        for item in node if isinstance(node, list) else ():
            walk(item)

    with zipfile.ZipFile(path) as file:
        walk(json.loads(file.read("config.json")))
    return found


class Gain(unidl.Layer):
    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), initializer="uniform")

    def forward(self, x):
        return ops.tanh(x) * self.gain


class Noise(unidl.Layer):
    """Has no weight, and does something in training only."""

    def forward(self, x):
        return x + ops.random.normal(like=x) if self.training else x


class Shifted(unidl.Layer):
    """No weight, no class in Keras: its operations go as they are."""

    def forward(self, x):
        batch = ops.shape(x)[0]
        flat = ops.reshape(x, (batch, x.shape[1] * x.shape[2]))
        return ops.concatenate([flat, ops.one_hot(ops.argmax(flat, axis=-1), 4)], axis=-1)


class Random(unidl.Layer):
    def forward(self, x):
        return x + ops.random.normal(like=x)


class Scanned(unidl.Layer):
    def forward(self, x):
        return ops.scan(lambda total, y: (total + y, total + y), ops.zeros_like(x[:, 0]), x, axis=1)[1]


class Branching(unidl.Layer):
    def forward(self, x):
        return x if ops.sum(x) > 0 else -x


def network(*more):
    return unidl.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(3, kernel_initializer="he_normal"),
            *more,
        ]
    )


def test_the_file_holds_keras_own_classes_and_trains_in_keras(keras, backend, tmp_path):
    m = network().build((8, 8, 3), backend=backend)
    m.freeze("conv2d")
    unidl.export(m, "keras", tmp_path / "m.keras")
    assert {module.partition(".")[0] for module, _ in classes(tmp_path / "m.keras")} <= {"keras", "builtins"}
    model = keras.saving.load_model(tmp_path / "m.keras")
    kinds = [type(layer) for layer in model.layers[1:]]
    own = keras.layers
    assert kinds == [own.Conv2D, own.BatchNormalization, own.Dropout, own.Flatten, own.Dense]
    assert [layer.name for layer in model.layers[1:]] == [
        "conv2d",
        "batch_normalization",
        "dropout",
        "flatten",
        "dense",
    ]
    assert isinstance(model.layers[-1].kernel_initializer, keras.initializers.HeNormal)
    assert not model.get_layer("conv2d").trainable
    before = keras.ops.convert_to_numpy(model.get_layer("dense").kernel)
    model.compile(optimizer="sgd", loss="mse")
    model.fit(X, np.ones((6, 3)), verbose=0)
    assert (keras.ops.convert_to_numpy(model.get_layer("dense").kernel) != before).any()


def test_paths_that_become_one_name(keras, tmp_path):
    inner = unidl.Sequential([layers.Dense(3, name="c")], name="a_b")
    outer = unidl.Sequential([unidl.Sequential([layers.Dense(3, name="b_c")], name="a"), inner])
    m = outer.build((2,), backend="torch")
    unidl.export(m, "keras", tmp_path / "m.keras")
    model = keras.saving.load_model(tmp_path / "m.keras")
    assert [layer.name for layer in model.layers[1:]] == ["a_b_c", "a_b_c_2"]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(X[:, 0, 0, :2])), m.predict(X[:, 0, 0, :2]), atol=1e-6)


def test_float64(keras, tmp_path):
    m = network().build((8, 8, 3), backend="torch", precision="float64")
    unidl.export(m, "keras", tmp_path / "m.keras")
    model = keras.saving.load_model(tmp_path / "m.keras")
    assert {str(w.dtype) for w in model.weights if "seed" not in w.path} == {"float64"}
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(X.astype("float64"))), m.predict(X), atol=1e-5)


@pytest.mark.parametrize("layer", [Gain, Noise])
def test_a_layer_that_keras_has_not_never_freezes_silently(layer, tmp_path):
    m = network(layer()).build((8, 8, 3), backend="keras")
    with pytest.raises(
        ExportError, match=rf"{layer.__name__} '.*' has (.|\n)*custom=\"constants\"(.|\n)*custom=\"layers\""
    ):
        unidl.export(m, "keras", tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_constants(keras, backend, tmp_path):
    m = network(Gain()).build((8, 8, 3), backend=backend)
    unidl.export(m, "keras", tmp_path / "m.keras", custom="constants")
    model = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(X)), m.predict(X), atol=1e-6)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == sum(
        w.size for path, w in m.weights().items() if "moving" not in path and "gain/" not in path
    )


LOAD = """
import sys
sys.modules["unidl"] = None
import keras, numpy, layers
model = keras.saving.load_model("m.keras")
kinds = [type(layer) for layer in model.layers]
assert layers.Gain in kinds, kinds
x = numpy.load("x.npy")
numpy.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), numpy.load("y.npy"), atol=1e-6)
gain = next(layer for layer in model.layers if type(layer) is layers.Gain)
before = keras.ops.convert_to_numpy(gain.gain)
model.compile(optimizer="sgd", loss="mse")
model.fit(x, numpy.ones((6, 3)), verbose=0)
assert (keras.ops.convert_to_numpy(gain.gain) != before).all()
model.save("again.keras")
keras.saving.load_model("again.keras")
"""


def test_layers_beside_the_file(keras, fresh, tmp_path):
    """A real Keras layer, trainable and savable, in a process that cannot import unidl."""
    m = network(Gain()).build((8, 8, 3), backend="torch")
    known = dict(keras.saving.get_custom_objects())
    unidl.export(m, "keras", tmp_path / "m.keras", custom="layers")
    assert keras.saving.get_custom_objects() == known  # what was registered to write the file is gone
    assert sorted(path.name for path in tmp_path.iterdir()) == ["layers.py", "m.keras"]
    assert "import unidl" not in (tmp_path / "layers.py").read_text()
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", m.predict(X))
    fresh(f"import os\nos.chdir({str(tmp_path)!r})\n{LOAD}", path=tmp_path)


def test_layers_of_someone_elses_are_not_written_over(tmp_path):
    (tmp_path / "layers.py").write_text("mine = True\n")
    m = network(Gain()).build((8, 8, 3), backend="keras")
    with pytest.raises(ArgumentError, match=r"also writes 'layers.py', and another one is there"):
        unidl.export(m, "keras", tmp_path / "m.keras", custom="layers")
    assert [path.name for path in tmp_path.iterdir()] == ["layers.py"]


def test_no_file_of_layers_where_none_is_needed(tmp_path):
    unidl.export(network().build((8, 8, 3), backend="keras"), "keras", tmp_path / "m.keras", custom="layers")
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]


def test_a_definition_without_weights_becomes_operations(keras, backend, tmp_path):
    m = unidl.Sequential([Shifted()]).build((2, 2), backend=backend)
    unidl.export(m, "keras", tmp_path / "m.keras")
    model = keras.saving.load_model(tmp_path / "m.keras")
    for size in (1, 4):
        x = np.random.default_rng(size).normal(size=(size, 2, 2)).astype("float32")
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(x)), m.predict(x))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Random, (3,), "Random 'random' cannot be exported to Keras: an operation of its definition cannot stand"),
        (Scanned, (4, 3), "Scanned 'scanned' cannot be exported to Keras"),
        (Branching, (3,), "Branching 'branching' cannot be exported to Keras: its forward branches on a tensor"),
    ],
)
def test_what_cannot_go_says_which_layer(layer, shape, message, tmp_path):
    m = unidl.Sequential([layer()]).build(shape, backend="keras")
    with pytest.raises(ExportError, match=message):
        unidl.export(m, "keras", tmp_path / "m.keras", custom="constants")
    assert list(tmp_path.iterdir()) == []


def test_a_lowering_of_the_users_own(keras, tmp_path):
    """A class of Keras' own goes, a class of the user's is refused: plain Keras does not know it."""

    class Own(keras.layers.Layer):
        def call(self, x):
            return x * 2.0

    class Twice(unidl.Layer):
        def forward(self, x):
            return x * (2.0 if self.training else 2)

    @unidl.lowering(Twice, "keras")
    class TwiceInKeras:
        def make(plan):
            return keras.layers.Rescaling(2.0, name="twice") if plan.layer.name == "known" else Own()

        def call(layer, native, x):
            return native(x)

        def slots(plan, native):
            return {}

    known = unidl.Sequential([Twice(name="known")]).build((3,), backend="keras")
    unidl.export(known, "keras", tmp_path / "m.keras")
    assert type(keras.saving.load_model(tmp_path / "m.keras").get_layer("twice")) is keras.layers.Rescaling
    unknown = unidl.Sequential([Twice()]).build((3,), backend="keras")
    with pytest.raises(ExportError, match="Own is no class of Keras' own"):
        unidl.export(unknown, "keras", tmp_path / "other.keras")
