"""What a built model can do, on every backend."""

import copy

import numpy as np
import pytest

import unidl
from unidl import Input, Model, Sequential, layers, ops
from unidl.errors import (
    ArgumentError,
    BackendMismatchError,
    DtypeError,
    LayerPathError,
    NotBuiltError,
    ShapeError,
    WeightError,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6)).astype("float32")


class Scale(unidl.Layer):
    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), "ones")

    def forward(self, x):
        return x * self.gain


class Net(Model):
    def __init__(self, width=5):
        self.blocks = [layers.Dense(width), Scale()]
        self.heads = {"a": layers.Dense(1), "b": layers.Dense(2)}

    def forward(self, x):
        for block in self.blocks:
            x = ops.relu(block(x))
        return {key: head(x) for key, head in self.heads.items()}


def mlp():
    return Sequential([layers.Dense(5, activation="relu"), Scale(), layers.Dense(3)])


def graph():
    a, b = Input((6,), name="a"), Input((6,), name="b")
    shared = layers.Dense(4, name="shared")
    left, right = shared(a), ops.tanh(shared(b))
    joined = ops.concatenate([left, right], axis=-1)
    return Model({"a": a, "b": b}, [layers.Dense(2)(joined), left - right])


def numbers(value):
    return unidl.to_numpy(value)


def test_native_is_the_frameworks_own(backend):
    m = mlp().build((6,), backend=backend)
    assert m.backend == backend
    package = {"torch": "torch", "tensorflow": "tensorflow", "keras": "keras"}[backend]
    assert any(base.__module__.split(".")[0] == package for base in type(m.native).__mro__)


def test_weights_start_bit_identical_whatever_was_built_before(backend):
    mlp().build((9,), backend=backend)
    weights = mlp().build((6,), backend=backend).weights()
    assert list(weights) == ["dense/kernel", "dense/bias", "scale/gain", "dense_2/kernel", "dense_2/bias"]
    reference = mlp().build((6,), backend="torch").weights()
    for path, value in weights.items():
        assert value.tobytes() == reference[path].tobytes(), path
    other = mlp().build((6,), backend=backend, seed=1).weights()
    assert not np.array_equal(other["dense/kernel"], weights["dense/kernel"])


def test_a_call_is_inference_and_takes_any_batch(backend):
    m = mlp().build((6,), backend=backend)
    whole = numbers(m(X))
    assert whole.shape == (4, 3)
    np.testing.assert_allclose(numbers(m(X[:1])), whole[:1], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(m.predict(X, batch_size=3), whole, rtol=1e-6, atol=1e-6)


def test_the_first_call_builds(nobody_chose, backend):
    m = mlp()
    with unidl.using(backend):
        m(X)
    assert m.backend == backend


def test_functional_graph_with_shared_layer_dict_in_list_out(backend):
    m = graph().build(backend=backend)
    y, difference = m({"a": X, "b": X + 1})
    w = m.weights()
    assert list(w) == ["shared/kernel", "shared/bias", "dense/kernel", "dense/bias"]
    left = X @ w["shared/kernel"] + w["shared/bias"]
    right = np.tanh((X + 1) @ w["shared/kernel"] + w["shared/bias"])
    np.testing.assert_allclose(numbers(difference), left - right, atol=1e-5)
    np.testing.assert_allclose(numbers(y), np.hstack([left, right]) @ w["dense/kernel"] + w["dense/bias"], atol=1e-5)


def test_subclassed_with_nests(backend):
    m = Net().build((6,), backend=backend)
    assert list(m.weights())[:3] == ["blocks/0/kernel", "blocks/0/bias", "blocks/1/gain"]
    out = m(X)
    assert {key: tuple(value.shape) for key, value in out.items()} == {"a": (4, 1), "b": (4, 2)}


def test_nested_models(backend):
    inner = Sequential([layers.Dense(4, activation="tanh"), layers.Dense(3)], name="body")
    m = Sequential([inner, layers.Dense(2)]).build((6,), backend=backend)
    assert list(m.layers) == ["body", "body/dense", "body/dense_2", "dense"]
    w = m.weights()
    hidden = (
        np.tanh(X @ w["body/dense/kernel"] + w["body/dense/bias"]) @ w["body/dense_2/kernel"] + w["body/dense_2/bias"]
    )
    np.testing.assert_allclose(numbers(m(X)), hidden @ w["dense/kernel"] + w["dense/bias"], atol=1e-5)
    np.testing.assert_allclose(numbers(m.outputs_at("body")(X)["body"]), hidden, atol=1e-5)


def test_set_weights_and_what_does_not_fit(backend):
    m = mlp().build((6,), backend=backend)
    before = m.weights()
    m.set_weights({"scale/gain": np.full(5, 2.0)}, partial=True)
    assert (m.weights()["scale/gain"] == 2).all()
    with pytest.raises(WeightError, match="have another shape"):
        m.set_weights({"scale/gain": np.zeros(5), "dense/kernel": np.zeros((5, 6))}, partial=True)
    with pytest.raises(WeightError, match=r"has no weight 'dense/weight'"):
        m.set_weights({"scale/gain": np.zeros(5), "dense/weight": np.zeros((6, 5))}, partial=True)
    assert (m.weights()["scale/gain"] == 2).all()
    np.testing.assert_array_equal(m.weights()["dense/kernel"], before["dense/kernel"])


def test_freeze_takes_weights_out_of_training(backend):
    m = Sequential([Sequential([layers.Dense(4), layers.BatchNormalization()], name="body"), layers.Dense(1)])
    m.build((6,), backend=backend)
    assert m.freeze("body/*") == ["body/dense", "body/batch_normalization"]
    assert list(m.trainable_slots()) == ["dense/kernel", "dense/bias"]
    before = m.weights()
    unidl.Trainer(m, loss="mse", optimizer="sgd").fit(X, X[:, :1], epochs=2, progress=False)
    after = m.weights()
    for path in before:
        assert np.array_equal(before[path], after[path]) == path.startswith("body/"), path
    m.unfreeze("body")
    unidl.Trainer(m, loss="mse", optimizer="sgd").fit(X, X[:, :1], progress=False)
    assert all(not np.array_equal(before[p], value) for p, value in m.weights().items() if p.endswith("kernel"))
    assert not np.array_equal(
        before["body/batch_normalization/moving_mean"], m.weights()["body/batch_normalization/moving_mean"]
    )


def test_outputs_have_the_order_in_which_they_are_written(backend):
    inputs = unidl.Input((3,), name="x")
    of = {name: layers.Dense(units)(inputs) for units, name in enumerate("cab", start=1)}
    outputs = {"c": of["c"], "a": [of["a"], {"z": of["b"], "y": of["c"]}]}
    x = np.ones((2, 3), "float32")
    for m in (unidl.Model(inputs, outputs).build(backend=backend), unidl.Model(inputs, of).build(backend=backend)):
        for found in (m.predict(x), m(x), m.predict(np.repeat(x, 3, axis=0), batch_size=2)):
            assert next(iter(found)) == "c"
            if isinstance(found["a"], list):
                assert list(found["a"][1]) == ["z", "y"]


def test_outputs_at_shares_the_layers(backend):
    m = Sequential([Sequential([layers.Dense(4), layers.Dense(3)], name="body"), layers.Dense(2)]).build(
        (6,), backend=backend
    )
    probe = m.outputs_at("body/*")
    out = probe(X)
    w = m.weights()
    np.testing.assert_allclose(numbers(out["body/dense"]), X @ w["body/dense/kernel"] + w["body/dense/bias"], atol=1e-5)
    m.set_weights({"body/dense/bias": np.full(4, 100.0)}, partial=True)
    assert numbers(probe(X)["body/dense"]).min() > 90


def test_replace_keeps_the_rest(backend):
    m = Sequential([Sequential([layers.Dense(4), layers.Dense(3)], name="body"), layers.Dense(2, name="head")])
    m.build((6,), backend=backend)
    before = m.weights()
    m.replace("head", layers.Dense(7, name="head"))
    assert numbers(m(X)).shape == (4, 7)
    m.replace("body/dense_2", layers.Dense(3, activation="relu"))
    after = m.weights()
    np.testing.assert_array_equal(after["body/dense/kernel"], before["body/dense/kernel"])
    with pytest.raises(LayerPathError, match="Did you mean 'body'"):
        m.replace("bdy", layers.Dense(1))
    was = m.native
    with pytest.raises(ShapeError):
        m.replace("body/dense_2", layers.Conv2D(3, 3))
    assert m.native is was
    np.testing.assert_array_equal(m.weights()["head/kernel"], after["head/kernel"])


def test_copy_and_moving_average(backend):
    m = mlp().build((6,), backend=backend)
    twin = m.copy()
    assert twin.native is not m.native
    np.testing.assert_array_equal(numbers(twin(X)), numbers(m(X)))
    m.set_weights({"scale/gain": np.full(5, 3.0)}, partial=True)
    assert (twin.weights()["scale/gain"] == 1).all()
    twin.copy_from(m, decay=0.75)
    np.testing.assert_allclose(twin.weights()["scale/gain"], 1.5)
    twin.copy_from(m)
    assert (twin.weights()["scale/gain"] == 3).all()
    with pytest.raises(WeightError, match="same weights"):
        twin.copy_from(Sequential([layers.Dense(2)]).build((6,), backend=backend))


def test_copy_to_another_backend(backend):
    m = mlp().build((6,), backend="torch")
    other = m.copy(backend=backend)
    assert other.backend == backend
    np.testing.assert_allclose(numbers(other(X)), numbers(m(X)), atol=1e-6)


def test_a_built_model_inside_another_shares_its_weights(backend):
    base = mlp().build((6,), backend=backend)
    m = Sequential([base, layers.Dense(1)]).build((6,), backend=backend)
    m.set_weights({"sequential/scale/gain": np.full(5, 9.0)}, partial=True)
    assert (base.weights()["scale/gain"] == 9).all()
    np.testing.assert_array_equal(numbers(m.outputs_at("sequential")(X)["sequential"]), numbers(base(X)))


def test_a_layer_cannot_belong_to_two_backends(backend):
    base = mlp().build((6,), backend=backend)
    other = "tensorflow" if backend == "torch" else "torch"
    m = Sequential([base, layers.Dense(1)])
    with pytest.raises(BackendMismatchError, match=f"belongs to a model built for {backend}"):
        m.build((6,), backend=other)
    assert not m.is_built


def test_lowering_and_summary_say_how_each_layer_runs(backend, capsys):
    m = mlp().build((6,), backend=backend)
    rows = {row.path: row for row in m.lowering()}
    assert rows["scale"].way == "definition"
    assert rows["dense"].way == ("definition" if backend == "tensorflow" else "native")
    assert rows["dense"].parameters == 35
    m.freeze("dense_2")
    m.summary()
    text = capsys.readouterr().out
    assert "dense_2" in text
    assert "frozen" in text
    assert "58 parameters, 18 of them frozen" in text


def test_what_needs_a_built_model_says_so():
    with pytest.raises(NotBuiltError, match=r"'sequential' is not built yet.\nFix: model.build"):
        _ = mlp().native
    with pytest.raises(ArgumentError, match="cannot be built without knowing its inputs"):
        mlp().build(backend="torch")
    with pytest.raises(ArgumentError, match="is built already, for torch"):
        mlp().build((6,), backend="torch").build((6,), backend="torch")


@pytest.mark.refused_on_jax
def test_float64(backend):
    m = mlp().build((6,), backend=backend, precision="float64")
    assert all(w.dtype == np.float64 for w in m.weights().values())
    w = m.weights()
    x = X.astype("float64")
    expected = np.maximum(x @ w["dense/kernel"] + w["dense/bias"], 0) @ w["dense_2/kernel"] + w["dense_2/bias"]
    np.testing.assert_allclose(numbers(m(x)), expected, rtol=1e-12, atol=1e-13)


class Counter(unidl.Layer):
    """A user's state and random draw."""

    def setup(self, shape):
        self.add_weight("seen", (), "zeros", trainable=False, dtype="int64")

    def forward(self, x):
        self.update("seen", ops.add(self.seen, 1))
        if self.training:
            return x + ops.random.uniform(ops.shape(x), like=x)
        return x


def test_a_users_state_and_random_draw(backend):
    m = Sequential([Counter()]).build((6,), backend=backend)
    np.testing.assert_array_equal(numbers(m(X)), X)
    assert m.weights()["counter/seen"] == 0
    first, second = (numbers(m(X, training=True)) for _ in range(2))
    assert m.weights()["counter/seen"] == 2
    assert ((first - X >= 0) & (first - X < 1)).all()
    assert not np.array_equal(first, second)


class Remembers(unidl.Layer):
    """Reads its state, changes it, and goes on with what it read."""

    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), "ones")
        self.add_weight("last", (shape[-1],), 2.0, trainable=False)

    def forward(self, x):
        before = self.last
        self.update("last", ops.mean(x, axis=0))
        return x * before * self.gain


def test_a_state_that_was_read_keeps_its_value_after_the_update(backend):
    m = Sequential([Remembers()]).build((6,), backend=backend)
    np.testing.assert_allclose(numbers(m(X, training=True)), 2 * X, atol=1e-6)
    np.testing.assert_allclose(m.weights()["remembers/last"], X.mean(0), atol=1e-6)
    m.set_weights({"remembers/last": np.full(6, 2.0)}, partial=True)
    unidl.Trainer(m, loss="mse", optimizer=unidl.optimizers.SGD(1.0)).fit(X, 0 * X, batch_size=4, progress=False)
    gradient = (2 * (2 * X) * (2 * X)).mean(0) / 6  # of mean((x * 2 * gain)^2) by gain, at gain 1
    np.testing.assert_allclose(m.weights()["remembers/gain"], 1 - gradient, rtol=1e-5)


def test_deepcopy_takes_the_weights_along(backend):
    m = mlp().build((6,), backend=backend)
    m.set_weights({"scale/gain": np.full(5, 3.0)}, partial=True)
    twin = copy.deepcopy(m)
    assert twin.native is not m.native
    np.testing.assert_array_equal(numbers(twin(X)), numbers(m(X)))


class Scaled(Model):
    def __init__(self):
        self.hidden = layers.Dense(2)

    def forward(self, x, *, scale=1.0):
        return self.hidden(x) * scale


def test_an_argument_that_the_build_did_not_see_counts(backend):
    m = Scaled().build((6,), backend=backend)
    np.testing.assert_allclose(numbers(m(X, scale=5.0)), 5 * numbers(m(X)), rtol=1e-6)


def test_what_would_change_the_description_only_is_refused(backend):
    m = mlp().build((6,), backend=backend)
    with pytest.raises(ArgumentError, match=r"is built, and self\.units = … would change the description only"):
        m.layers["dense"].units = 7
    with pytest.raises(AttributeError, match="freeze"):
        m.layers["dense"].trainable = False
    with pytest.raises(AttributeError, match=r"Read self\.training"):
        type("Old", (Model,), {"forward": lambda self, x, training=False: x})


def test_integers_do_not_wrap_around(backend):
    x = Input((2,), dtype="uint8")
    m = Model(x, ops.cast(x, "float32")).build(backend=backend)
    np.testing.assert_array_equal(m.predict(np.array([[1, 255]])), [[1, 255]])
    with pytest.raises(DtypeError, match="would wrap around"):
        m.predict(np.array([[-1, 300]]))


def test_layers_whose_keys_cannot_become_paths_are_refused(backend):
    class Keyed(Model):
        def __init__(self, keys):
            self.parts = {key: layers.Dense(6) for key in keys}

        def forward(self, x):
            for part in self.parts.values():
                x = part(x)
            return x

    for keys in ((1, "1"), ("a/b",)):
        with pytest.raises(ArgumentError, match="A layer in a dict of Keyed 'keyed' cannot have the name"):
            Keyed(keys).build((6,), backend=backend)
    assert list(Keyed(("a", 1)).build((6,), backend=backend).layers) == ["parts/a", "parts/1"]


def test_integers_go_through_a_dense_layer(backend):
    x = np.arange(12).reshape(2, 6)
    m = mlp().build(x, backend=backend)
    reference = mlp().build((6,), backend=backend)
    np.testing.assert_allclose(numbers(m(x)), numbers(reference(x.astype("float32"))), rtol=1e-6)


class Depth(Model):
    """The data decides how often the layer runs."""

    def __init__(self):
        self.step = layers.Dense(6)

    def forward(self, x):
        if ops.mean(x) > 0:
            x = x * 2.0
        else:
            x = ops.abs(x)
            x = x - 0.5
        while ops.max(ops.abs(x)) > 1.0:
            x = self.step(x) * 0.5
        return x


@pytest.mark.refused_on_jax
@pytest.mark.parametrize("factor", [3.0, -3.0, 0.01])
def test_python_control_flow_on_tensors(backend, factor):
    m = Depth().build((6,), backend=backend)
    assert m.lowering()[0].dynamic
    w = m.weights()
    x = np.abs(X) * factor
    expected = x * 2 if x.mean() > 0 else np.abs(x) - 0.5
    while np.abs(expected).max() > 1:
        expected = (expected @ w["step/kernel"] + w["step/bias"]) * 0.5
    np.testing.assert_allclose(numbers(m(x)), expected, atol=1e-5)


class SomeUnused(Model):
    """Layers that no forward calls stand beside others in lists and dicts."""

    def __init__(self):
        self.blocks = [layers.Dense(3), layers.Dense(3)]
        self.heads = {"a": layers.Dense(3), "b": layers.Dense(4), "scale": 2.0}
        self.mixed = [layers.Dense(3), None, (layers.Dense(3), "x")]
        self.last = 0

    def forward(self, x):
        y = self.heads["a"](self.blocks[self.last](x)) * self.heads["scale"]
        return y + self.mixed[2][0](self.mixed[0](x))


def test_a_layer_that_nothing_calls_may_stand_in_a_list(backend):
    model = SomeUnused().build((6,), backend=backend)
    assert "blocks/1/kernel" not in model.weights()
    assert model.predict(X).shape == (4, 3)
    np.testing.assert_allclose(model.copy().predict(X), model.predict(X), rtol=1e-6)


def test_a_loop_reaches_the_layers_of_every_round(backend):
    class Deciding(Model):
        def __init__(self):
            self.blocks = [layers.Dense(6) for _ in range(4)]

        def forward(self, x):
            for block in self.blocks:
                if ops.sum(x) > 0:
                    x = block(x)
            return x

    model = Deciding().build((6,), backend=backend)
    assert [f"blocks/{i}/kernel" in model.weights() for i in range(4)] == [True] * 4
    model.predict(X)


class Pops(Model):
    """Takes lists and dicts of layers apart, as Python's own."""

    def __init__(self):
        self.parts = [layers.Dense(6), layers.Dense(6), [layers.Dense(6)]]
        self.heads = {"a": layers.Dense(6), "b": layers.Dense(6)}

    def forward(self, x):
        parts, heads = self.parts, self.heads
        inner = parts.pop()
        parts.reverse()
        for part in (*parts, inner.pop()):
            x = part(x)
        while heads:
            x = heads.pop(min(heads))(x)
        assert len(self.parts) == 3
        assert len(self.parts[2]) == 1
        assert list(self.heads) == ["a", "b"]
        return x


def test_a_forward_may_change_the_lists_it_reads(backend):
    model = Pops().build((6,), backend=backend)
    w, y = model.weights(), X
    for path in ("parts/1", "parts/0", "parts/2/0", "heads/a", "heads/b"):
        y = y @ w[f"{path}/kernel"] + w[f"{path}/bias"]
    for _ in range(2):
        np.testing.assert_allclose(numbers(model(X)), y, rtol=1e-4, atol=1e-5)
    assert model.summary() is None
