"""What a built model is called with, and what its weights are set to: the sentences, and that nothing changed."""

import numpy as np
import pytest

import unidl
from unidl import Input, Model, Sequential, layers
from unidl.errors import (
    ArgumentError,
    BackendMismatchError,
    DataError,
    DtypeError,
    LayerPathError,
    NotBuiltError,
    ShapeError,
    WeightError,
)

X = np.ones((2, 3), "float32")


def other(backend):
    return "tensorflow" if backend == "torch" else "torch"


def test_another_shape(model, refused):
    refused(
        ShapeError,
        "Sequential 'sequential', input 1: the data does not have the shape that the model was built for.\n"
        "Expected: (None, 3) (None: any length)\n"
        "Received: (2, 5)\n"
        "Fix: Give data of that shape, or build another model for this one.",
        model,
        np.ones((2, 5)),
    )


def test_an_axis_too_few(model, refused):
    refused(
        ShapeError,
        "…\nFix: Is the batch axis or the channel axis missing? x[None] adds the first, x[..., None] the last.",
        model,
        np.ones(3),
    )


def test_another_number_of_channels(backend, refused):
    m = Sequential([layers.Conv2D(2, 3)]).build((8, 8, 3), backend=backend)
    refused(
        ShapeError, "…Expected: (None, 8, 8, 3) (None: any length)\nReceived: (1, 8, 8, 1)\n…", m, np.ones((1, 8, 8, 1))
    )


@pytest.mark.parametrize(("value", "received"), [("abc", "<U3 ('abc')"), (np.array([[1, None, 2]]), "object (array(…")])
def test_no_numbers(model, refused, value, received):
    text = f"Sequential 'sequential', input 1: these are no numbers.\nExpected: float32\nReceived: {received}"
    refused(DtypeError, text, model, value)


def test_floats_for_integers(backend, refused):
    m = Sequential([Input((3,), dtype="int64"), layers.Embedding(5, 2)]).build(backend=backend)
    refused(
        DtypeError,
        "Sequential 'sequential', input 1: the model takes int64, and floating numbers would have to be cut.\n"
        "Expected: int64\n"
        "Received: float32\n"
        'Fix: Convert them yourself: x.astype("int64").',
        m,
        X,
    )


def test_a_tensor_of_another_dtype(model, refused):
    with unidl.using(model.backend):
        tensor = unidl.ops.tensor(X, dtype="float64")
    text = "…: the tensor has another dtype than the model.\nExpected: float32\nReceived: float64\nFix: Tensors are never cast at the door; …"
    refused(DtypeError, text, model, tensor)


def test_a_tensor_of_another_backend(model, backend, refused):
    with unidl.using(other(backend)):
        tensor = unidl.ops.tensor(X)
    if unidl.backends.registry.load(backend).accepts_tensors_of(unidl.backends.registry.load(other(backend))):
        assert model(tensor).shape == (2, 4)  # Keras on this engine computes with them
        return
    refused(
        BackendMismatchError,
        f"Sequential 'sequential', input 1: a tensor of {other(backend)} was given to a model built for {backend}.\n"
        "Fix: unidl.to_numpy(tensor) makes an array that every backend takes.",
        model,
        tensor,
    )


class Sum(Model):
    def __init__(self):
        self.out = layers.Dense(2)

    def forward(self, a, b):
        return self.out(a + b)


def test_inputs_that_are_missing_or_too_many(backend, refused):
    m = Sum().build((3,), (3,), backend=backend)
    text = "Sum 'sum' was called with inputs that its forward does not take: {}.\nExpected: forward(a, b)\nReceived: {} positional"
    refused(ArgumentError, text.format("missing a required argument: 'b'", 1), m, X)
    refused(ArgumentError, text.format("missing a required argument: 'a'", 0), m)
    refused(ArgumentError, text.format("too many positional arguments", 3), m, X, X, X)
    assert m(X, b=X).shape == (2, 2)


def test_another_structure(backend, refused):
    a, b = Input((3,)), Input((3,))
    listed = Model([a, b], layers.Add()([a, b])).build(backend=backend)
    named = Model({"a": a, "b": b}, layers.Add()([a, b])).build(backend=backend)
    text = "Functional 'functional', input 1: the inputs have another structure.\nExpected: {}\nReceived: {}"
    refused(ArgumentError, text.format("a list of 2", "ndarray"), listed, X)
    refused(ArgumentError, text.format("a list of 2", "list of 1"), listed, [X])
    refused(ArgumentError, text.format("a list of 2", "a dict with the keys ['a', 'b']"), listed, {"a": X, "b": X})
    refused(
        ArgumentError, text.format("a dict with the keys ['a', 'b']", "a dict with the keys ['a']"), named, {"a": X}
    )


def test_predict_on_nothing(model, refused):
    text = (
        "predict of 'sequential' needs arrays with the same number of examples, at least one.\n"
        "Expected: one length along the first axis, at least 1\n"
        "Received: {}"
    )
    refused(DataError, text.format("(0, 3)"), model.predict, X[:0])
    refused(DataError, text.format("no array"), model.predict)
    refused(DataError, text.format("(2, 3), (1, 3)"), model.predict, [X, X[:1]])


def test_weights_of_another_shape(model, refused):
    refused(
        WeightError,
        "Weights for 'sequential' have another shape.\n"
        "Expected: dense/kernel (3, 4)\n"
        "Received: dense/kernel (4, 3)\n"
        "Fix: Kernels are (…, inputs, outputs), as in Keras; a torch weight is their transpose.",
        model.set_weights,
        {"dense/bias": np.ones(4), "dense/kernel": np.ones((4, 3))},
    )


def test_weights_of_another_name(model, refused):
    refused(
        WeightError,
        "'sequential' has no weight 'dense/kernal'.\n"
        "Expected: some of dense/kernel, dense/bias\n"
        "Received: dense/bias, dense/kernal\n"
        "Fix: Did you mean 'dense/kernel'?",
        model.set_weights,
        {"dense/bias": np.ones(4), "dense/kernal": np.ones((3, 4))},
    )


def test_weights_that_are_none(model, refused):
    text = "Weights for 'sequential' are given by path.\nExpected: {path: array}, as model.weights() gives them\nReceived: list"
    refused(WeightError, text, model.set_weights, [np.ones((3, 4))])
    text = "Weights for 'sequential' are no numbers.\nExpected: arrays of numbers\nReceived: dense/bias of dtype <U1"
    refused(WeightError, text, model.set_weights, {"dense/bias": np.array(["a"] * 4)}, partial=True)
    text = "The weight 'dense/kernel' for 'sequential' is no array.\nExpected: an array of numbers, or lists of one length\nReceived: [[1, 2], [3]] (…)"
    refused(WeightError, text, model.set_weights, {"dense/kernel": [[1, 2], [3]]}, partial=True)


def test_weights_that_are_missing(model, refused):
    fix = "\nFix: model.set_weights(weights, partial=True) sets the ones given and leaves the others as they are."
    text = (
        "Weights for 'sequential' are missing.\nExpected: all of dense/kernel, dense/bias\nReceived: none for {}" + fix
    )
    refused(WeightError, text.format("dense/kernel, dense/bias"), model.set_weights, {})
    refused(WeightError, text.format("dense/kernel"), model.set_weights, {"dense/bias": np.ones(4)})


def test_some_of_the_weights(backend):
    m = Sequential([layers.Dense(4)]).build((3,), backend=backend)
    before = m.weights()
    m.set_weights({}, partial=True)
    m.set_weights({"dense/bias": np.full(4, 2.0)}, partial=True)
    np.testing.assert_array_equal(m.weights()["dense/bias"], np.full(4, 2.0, "float32"))
    np.testing.assert_array_equal(m.weights()["dense/kernel"], before["dense/kernel"])


def test_an_unknown_layer(model, refused):
    text = "No layer has the path 'dens'.\nExpected: one of dense\nReceived: 'dens'\nFix: Did you mean 'dense'?"
    refused(LayerPathError, text, lambda: model.layers["dens"])
    refused(LayerPathError, text, model.replace, "dens", layers.Dense(1))
    refused(
        LayerPathError, "No layer has the path 'x/*'.\nExpected: one of dense\nReceived: 'x/*'", model.freeze, "x/*"
    )
    refused(LayerPathError, "No layer has the path 'x'.\nExpected: one of dense\nReceived: 'x'", model.outputs_at, "x")


def test_a_layer_that_does_not_fit_in_a_place(model, refused):
    text = "In Conv2D 'dense': Conv2D needs an input of 4 axes (batch, height, width, channels).\nReceived: 2 axes, (None, 3)\nFix: …"
    refused(ShapeError, text, model.replace, "dense", layers.Conv2D(1, 1))


def test_a_layer_reused_on_another_backend(model, backend, refused):
    refused(
        BackendMismatchError,
        f"Dense 'dense' belongs to a model built for {backend} in float32, and cannot become part of one for {other(backend)} in "
        "float32.\n"
        "Expected: layers that are new, or built for the same backend and precision (their weights are then shared)\n"
        f"Fix: Build with backend={backend!r}, or describe the layer anew; model.copy(backend=…) copies a whole model with its "
        "weights to another backend.",
        Sequential([model.layers["dense"]]).build,
        (3,),
        backend=other(backend),
    )


def test_built_twice(model, backend, refused):
    text = f"'sequential' is built already, for {backend}.\nFix: model.copy(backend=…) makes another one with the same weights; …"
    refused(ArgumentError, text, model.build, (3,))


def test_not_built(refused):
    m = Sequential([layers.Dense(1)])
    text = "'sequential' is not built yet.\nFix: model.build((28, 28, 1)) with your input's shape, or call it on data."
    for ask in (m.weights, lambda: m.native, m.summary, lambda: m.set_weights({})):
        refused(NotBuiltError, text, ask)
