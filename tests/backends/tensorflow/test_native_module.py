"""The native object is a tf.Module like any other, and holds the only copy of the weights."""

import copy

import numpy as np
import pytest
import tensorflow as tf

import unidl
from unidl import Model, Sequential, layers, ops
from unidl.errors import NativeStructureError


class Scale(unidl.Layer):
    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), "ones")

    def forward(self, x):
        return x * self.gain


class Net(Model):
    def __init__(self):
        self.blocks = [layers.Dense(5), Scale()]
        self.heads = {"left": layers.Dense(2), "right": layers.Dense(2)}

    def forward(self, x, shift=0.0):
        for block in self.blocks:
            x = ops.relu(block(x))
        return self.heads["left"](x) - self.heads["right"](x) + shift


class Reserved(unidl.Layer):
    """A weight and a sublayer whose names tf.Module and the adapter use themselves."""

    def __init__(self):
        self.submodules = layers.Dense(3)

    def setup(self, shape):
        self.add_weight("variables", (shape[-1],), "ones")
        self.add_weight("graph", (shape[-1],), "ones")

    def forward(self, x):
        return self.submodules(x * self.variables * self.graph)


X = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")  # (batch, inputs)


@pytest.fixture
def net():
    return Net().build((6,), backend="tensorflow")


def predicted(model, x=X):
    return unidl.to_numpy(model(x))


def test_weights_and_outputs_are_those_of_torch(net):
    twin = Net().build((6,), backend="torch")
    weights, theirs = net.weights(), twin.weights()
    assert list(weights) == list(theirs)
    for path, value in weights.items():
        np.testing.assert_array_equal(value, theirs[path])
    np.testing.assert_allclose(predicted(net), predicted(twin), atol=1e-6)


def test_it_is_a_plain_module_with_tracked_variables(net):
    native = net.native
    assert isinstance(native, tf.Module)
    assert type(native).__name__ == "Net"
    assert type(native.blocks[1]).__name__ == "Scale"
    assert type(native.blocks[1].gain).__name__ == "ResourceVariable"
    assert native.heads["left"].kernel.name == "heads/left/kernel:0"
    assert {v.name.removesuffix(":0") for v in native.variables} == set(net.weights())
    assert len(native.trainable_variables) == len(net.weights())


def test_names_that_tf_module_uses_get_an_underscore():
    model = Sequential([Reserved()]).build((6,), backend="tensorflow")
    native = model.native.reserved
    assert list(model.weights()) == [
        "reserved/variables",
        "reserved/graph",
        "reserved/submodules/kernel",
        "reserved/submodules/bias",
    ]
    assert isinstance(native.variables_, tf.Variable)
    assert isinstance(native.graph_, tf.Variable)
    assert isinstance(native.submodules_, tf.Module)
    assert len(native.variables) == 4
    assert predicted(model).shape == (4, 3)


def test_what_is_written_to_a_variable_counts_at_once(net):
    before = predicted(net)
    net.native.heads["left"].bias.assign_add([1.0, 2.0])
    np.testing.assert_allclose(predicted(net), before + np.array([1.0, 2.0]), rtol=1e-6)
    np.testing.assert_array_equal(net.weights()["heads/left/bias"], [1.0, 2.0])
    net.set_weights({"heads/left/bias": np.zeros(2)}, partial=True)
    np.testing.assert_array_equal(predicted(net), before)
    assert len(net.native.traces) == 1


@pytest.mark.parametrize("where", ["attribute", "list", "dict"])
def test_another_module_in_a_layers_place_is_run_and_read(where):
    class Both(Model):
        def __init__(self):
            self.body = Scale()
            self.row = [Scale()]
            self.named = {"a": Scale()}

        def forward(self, x):
            return self.named["a"](self.row[0](self.body(x)))

    net, other = Both().build((6,), backend="tensorflow"), Both().build((6,), backend="tensorflow")
    np.testing.assert_array_equal(predicted(net), X)
    other.set_weights({path: np.full(6, 3.0) for path in other.weights()})
    if where == "attribute":
        net.native.body = other.native.body
    elif where == "list":
        net.native.row[0] = other.native.row[0]
    else:
        net.native.named["a"] = other.native.named["a"]
    np.testing.assert_array_equal(predicted(net), 3.0 * X)
    assert sum(value[0] == 3.0 for value in net.weights().values()) == 1


def test_another_variable_is_run_and_read(net):
    predicted(net)
    net.native.blocks[1].gain = tf.Variable(tf.zeros(5))
    np.testing.assert_array_equal(net.weights()["blocks/1/gain"], np.zeros(5))
    np.testing.assert_allclose(predicted(net), np.zeros((4, 2)), atol=1e-7)


@pytest.mark.parametrize("what", ["weight", "layer"])
def test_a_structure_that_fits_no_more_is_told(net, what):
    if what == "weight":
        del net.native.blocks[1].gain
        message = "Scale has no variable 'gain' any more"
    else:
        del net.native.heads
        message = "Net has no module 'heads.left' any more"
    with pytest.raises(NativeStructureError, match=message) as error:
        net.weights()
    assert "model.replace" in str(error.value)
    with pytest.raises(NativeStructureError, match=message):
        net(X)


def test_a_checkpoint_goes_round(net, tmp_path):
    before, expected = net.weights(), predicted(net)
    saved = tf.train.Checkpoint(model=net.native).save(str(tmp_path / "c"))
    net.set_weights({path: np.zeros_like(value) for path, value in before.items()})
    tf.train.Checkpoint(model=net.native).restore(saved).assert_consumed()
    np.testing.assert_array_equal(predicted(net), expected)
    other = Net().build((6,), backend="tensorflow", seed=5)
    tf.train.Checkpoint(model=other.native).restore(saved).assert_consumed()
    np.testing.assert_array_equal(predicted(other), expected)


@pytest.mark.parametrize("called_before", [False, True])
def test_a_saved_model_takes_any_batch(net, tmp_path, called_before):
    if called_before:
        predicted(net)
    tf.saved_model.save(net.native, str(tmp_path / "m"))
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    for rows in (1, 4):
        np.testing.assert_allclose(loaded.inference(X[:rows]).numpy(), predicted(net, X[:rows]), rtol=1e-6)
    serving = loaded.signatures["serving_default"]
    np.testing.assert_allclose(next(iter(serving(tf.constant(X)).values())).numpy(), predicted(net), rtol=1e-6)


def test_a_deep_copy_has_variables_of_its_own(net):
    expected = predicted(net)
    twin = copy.deepcopy(net.native)
    net.set_weights({path: np.zeros_like(value) for path, value in net.weights().items()})
    np.testing.assert_array_equal(twin(X).numpy(), expected)
    twin.heads["left"].bias.assign_add([1.0, 1.0])
    np.testing.assert_allclose(twin(X).numpy(), expected + 1.0, rtol=1e-6)
    np.testing.assert_array_equal(predicted(net), np.zeros((4, 2)))


def test_a_shared_layer_is_one_module():
    class Twice(Model):
        def __init__(self):
            self.a = layers.Dense(6)
            self.b = self.a

        def forward(self, x):
            return self.b(self.a(x))

    model = Twice().build((6,), backend="tensorflow")
    assert model.native.a is model.native.b
    assert list(model.weights()) == ["a/kernel", "a/bias"]
    twin = Twice().build((6,), backend="torch")
    np.testing.assert_allclose(predicted(model), predicted(twin), atol=1e-6)


def test_a_layer_of_a_built_model_is_shared_with_another():
    body = Sequential([layers.Dense(5)])
    body.build((6,), backend="tensorflow")
    whole = Sequential([body, layers.Dense(2)]).build((6,), backend="tensorflow")
    assert whole.native.sequential is body.native
    body.native.dense.bias.assign(np.ones(5))
    np.testing.assert_array_equal(whole.weights()["sequential/dense/bias"], np.ones(5))
    assert predicted(whole).shape == (4, 2)


def test_a_sublayer_of_the_native_object_runs_alone(net):
    hidden = net.native.blocks[0]
    expected = X @ net.weights()["blocks/0/kernel"]
    np.testing.assert_allclose(hidden(X).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(hidden(tf.constant(X[:2])).numpy(), expected[:2], atol=1e-6)
    assert [trace.kind for trace in hidden.traces] == ["inference"]


def test_bfloat16_and_integer_weights():
    class Counted(unidl.Layer):
        def setup(self, shape):
            self.add_weight("calls", (), "zeros", trainable=False, dtype="int64")
            self.add_weight("gain", (shape[-1],), "ones")

        def forward(self, x):
            self.update("calls", self.calls + 1)
            return x * self.gain

    model = Sequential([Counted()]).build((6,), backend="tensorflow", precision="bfloat16")
    model(X)
    model(X, training=True)
    assert model.native.counted.gain.dtype == tf.bfloat16
    assert model.weights()["counted/calls"] == 1
    assert model.weights()["counted/gain"].dtype == np.float32


def test_a_model_can_be_built_by_its_first_call_inside_a_tf_function():
    model = Sequential([layers.Dense(2)])

    @tf.function
    def run(x):
        return model(x)

    with unidl.using("tensorflow"):
        first = run(tf.constant(X)).numpy()
    np.testing.assert_array_equal(first, predicted(model))


def test_variables_and_running_are_on_the_chosen_device(fresh):
    fresh(
        """
        import numpy as np
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        import unidl
        from unidl import layers
        device = "cpu:1"
        place = "/job:localhost/replica:0/task:0/device:" + device.upper()
        m = unidl.Sequential([layers.Dense(3), layers.BatchNormalization()]).build((4,), backend="tensorflow", device=device)
        assert {v.device for v in m.native.variables} == {place}
        x = np.ones((5, 4), "float32")
        assert m(x).device == place
        nodes = [o for o in m.native.graph().get_operations() if o.type in ("MatMul", "AddV2", "Rsqrt")]
        assert nodes and all(o.device.upper().endswith(device.upper()) for o in nodes), [o.device for o in nodes]
        t = unidl.Trainer(m, loss="mse", optimizer=unidl.optimizers.Adam(1e-2))
        t.fit(x, np.zeros((5, 3)), epochs=2, batch_size=3, progress=False)
        assert {v.device for v in m.native.variables} == {place}
        assert m(x).device == place
        """
    )
