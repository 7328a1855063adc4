"""On the engine TensorFlow `predict` runs one graph, as Keras' own does; what is changed on the model is heeded."""

import copy
from typing import NamedTuple

import keras
import numpy as np
import pytest

import unidl
from unidl import layers, ops

pytestmark = pytest.mark.parametrize("backend", ["keras"])

ROWS = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
RUNS = []


class Counted(unidl.Layer):
    def __init__(self):
        self.inner = layers.Dense(3)

    def forward(self, x):
        RUNS.append(1)
        return ops.tanh(self.inner(x))


class Net(unidl.Model):
    def __init__(self):
        self.counted, self.last = Counted(), layers.Dense(2)

    def forward(self, x):
        return {"y": self.last(self.counted(x)), "none": None}


def _agrees(model, x=ROWS):
    predicted, called = model.predict(x), model(x)
    assert predicted["none"] is None
    np.testing.assert_allclose(predicted["y"], unidl.to_numpy(called["y"]), rtol=1e-5, atol=1e-6)


def test_predict_gives_what_the_call_gives_whatever_was_changed(backend):
    model = Net().build(ROWS.shape[1:], backend=backend)
    _agrees(model)
    _agrees(model, ROWS[:1])
    before = model.predict(ROWS)["y"]
    model.set_weights({path: value * 2 for path, value in model.weights().items()})
    _agrees(model)
    assert not np.allclose(model.predict(ROWS)["y"], before)
    other = model.copy()
    _agrees(other)
    _agrees(copy.deepcopy(model))


def test_a_graph_is_traced_once(backend):
    model = Net().build(ROWS.shape[1:], backend=backend)
    model.predict(ROWS)
    del RUNS[:]
    for count in (4, 2, 1):
        model.predict(ROWS[:count])
    assert len(RUNS) == (0 if keras.backend.backend() == "tensorflow" else 3)
    model(ROWS)  # a call is Keras' own: it runs each time
    assert RUNS


class Listed(unidl.Layer):
    def __init__(self):
        self.parts = [layers.Dense(3), layers.Dense(3)]

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return ops.tanh(x)


def test_a_layer_put_into_a_list_is_found(backend):
    model = unidl.Sequential([Listed()]).build(ROWS.shape[1:], backend=backend)
    before = model.predict(ROWS)
    other = keras.layers.Dense(3, kernel_initializer="ones")
    other.build((None, 3))
    model.native.layers[-1].parts[1] = other
    np.testing.assert_allclose(model.predict(ROWS), unidl.to_numpy(model(ROWS)), rtol=1e-5, atol=1e-6)
    assert not np.allclose(model.predict(ROWS), before)


def test_a_layer_that_became_another_is_traced_anew(backend):
    model = unidl.Sequential([layers.Dense(3), layers.Dense(2)]).build(ROWS.shape[1:], backend=backend)
    before = model.predict(ROWS)
    last = model.native.layers[-1]
    last.enable_lora(1)
    last.lora_kernel_b.assign(np.ones((1, 2), "float32"))
    np.testing.assert_allclose(model.predict(ROWS), unidl.to_numpy(model(ROWS)), rtol=1e-5, atol=1e-6)
    assert not np.allclose(model.predict(ROWS), before)


def test_a_layer_put_into_another_s_place_and_back_is_found(backend):
    model = Net().build(ROWS.shape[1:], backend=backend)
    _agrees(model)
    counted = model.native.layers[-2]
    first, other = counted.inner, keras.layers.Dense(3, kernel_initializer="ones")
    other.build((None, 5))
    for inner in (other, first, other):
        counted.inner = inner
        _agrees(model)


def test_a_tensor_of_keras_is_taken_too(backend):
    model = Net().build(ROWS.shape[1:], backend=backend)
    given = keras.ops.convert_to_tensor(ROWS)
    np.testing.assert_allclose(model.predict(given)["y"], model.predict(ROWS)["y"], rtol=1e-5, atol=1e-6)


class Nested(unidl.Layer):
    def __init__(self):
        self.parts = {"first": [layers.Dense(5), layers.Dense(5)], "then": (layers.Dense(5), layers.Dense(5))}

    def forward(self, x):
        for part in (*self.parts["first"], *self.parts["then"]):
            x = ops.tanh(part(x))
        return x


def _turn_a_list_around(held):
    held.parts["first"].reverse()


def _put_another_list(held):
    held.parts["first"] = held.parts["first"][::-1]


def _put_another_tuple(held):
    held.parts["then"] = held.parts["then"][::-1]


def _put_another_dict(held):
    held.parts = {**held.parts, "first": [held.parts["then"][0]] * 2}


@pytest.mark.parametrize("change", [_turn_a_list_around, _put_another_list, _put_another_tuple, _put_another_dict])
def test_layers_in_another_order_are_found(change, backend):
    model = unidl.Sequential([Nested()]).build(ROWS.shape[1:], backend=backend)
    before = model.predict(ROWS)
    change(model.native.layers[-1])
    np.testing.assert_allclose(model.predict(ROWS), unidl.to_numpy(model(ROWS)), rtol=1e-5, atol=1e-6)
    assert not np.allclose(model.predict(ROWS), before)


def test_compile_tells_of_what_is_no_variable(backend):
    """As with Keras' own predict."""
    model = unidl.Sequential([layers.Dense(3)]).build(ROWS.shape[1:], backend=backend)
    model.predict(ROWS)
    model.native.layers[-1].activation = keras.activations.relu
    model.native.compile()
    assert model.predict(ROWS).min() == 0


def test_values_of_a_stateless_scope_are_not_kept(backend):
    model = unidl.Sequential([layers.Dense(3)]).build(ROWS.shape[1:], backend=backend)
    zeros = [(v, keras.ops.zeros(v.shape)) for v in model.native.weights]
    with keras.StatelessScope(state_mapping=zeros):
        assert not model.predict(ROWS).any()
    assert model.predict(ROWS).any()


class Pair(NamedTuple):
    value: object
    shape: object


class Paired(unidl.Model):
    def __init__(self):
        self.dense = layers.Dense(3)

    def forward(self, x, y=None):
        outputs = self.dense(x if y is None else x + y)
        return Pair(outputs, outputs + 1.0 if self.training else outputs)


def test_outputs_may_be_called_anything_and_an_argument_left_out(backend):
    model = Paired().build(ROWS.shape[1:], ROWS.shape[1:], backend=backend)
    whole, half = model.predict(ROWS, ROWS), model.predict(ROWS)
    assert isinstance(whole, Pair)
    np.testing.assert_array_equal(whole.value, whole.shape)
    np.testing.assert_allclose(half.value, unidl.to_numpy(model(ROWS).value), rtol=1e-5, atol=1e-6)
    assert not np.allclose(half.value, whole.value)
