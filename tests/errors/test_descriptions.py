"""What a description refuses, before any framework runs: the sentences."""

import numpy as np
import pytest

import unidl
from unidl import Input, Model, Sequential, layers, ops, optimizers
from unidl.errors import (
    ArgumentError,
    BackendUnavailableError,
    DeviceError,
    DtypeError,
    ForeignNameError,
    NotBuiltError,
    ShapeError,
    UnknownArgumentError,
)

DENSE = "Dense(units, activation=None, use_bias=True, kernel_initializer='glorot_uniform', bias_initializer='zeros')"


class Deep(Model):
    def __init__(self, head):
        self.blocks = [Sequential([layers.Dense(4), head])]

    def forward(self, x):
        return self.blocks[0](x)


def test_a_scalar_into_dense(refused):
    refused(
        ShapeError,
        "In Dense 'head': Dense needs an input of at least 2 axes (batch, features).\n"
        "Received: 1 axis, (None,)\n"
        "Fix: Reshape or expand the input so that its axes are (batch, features).",
        Sequential([layers.Dense(4, name="head")]).build,
        (),
    )


def test_the_path_of_a_layer_deep_inside(refused):
    text = "In Conv2D 'blocks/0/conv2d': Conv2D needs an input of 4 axes (batch, height, width, channels).\nReceived: 2 axes, (None, 4)\n…"
    refused(ShapeError, text, Deep(layers.Conv2D(2, 3)).output_shape, (None, 3))


def test_channels_that_groups_do_not_divide(refused):
    text = "In Conv2D 'conv2d': Conv2D needs channels that groups=2 divides.\nReceived: 3 channels, of shape (None, 8, 8, 3)"
    refused(ShapeError, text, Sequential([layers.Conv2D(4, 3, groups=2)]).output_shape, (None, 8, 8, 3))


def test_a_window_that_does_not_fit(refused):
    text = "In Conv2D 'conv2d': ops.conv: A window that covers 9 does not fit into spatial axis 0.\nExpected: a length of at least 9\nReceived: 4\nFix: …"
    refused(ShapeError, text, Sequential([layers.Conv2D(4, 9)]).output_shape, (None, 4, 4, 3))


def test_an_unknown_activation(refused):
    text = "There is no activation 'rellu'.\nExpected: one of 'elu', …, or a function of one tensor\nReceived: 'rellu'\nFix: Write 'relu'."
    refused(ArgumentError, text, layers.Dense, 3, activation="rellu")
    refused(ArgumentError, "…Received: 'xyzzy'", layers.Dense, 3, activation="xyzzy")


def test_an_unknown_initializer(refused):
    text = "Dense: kernel_initializer: There is no initializer 'glorot'.\nExpected: one of 'constant', …\nReceived: 'glorot'…"
    refused(ArgumentError, text, layers.Dense, 3, kernel_initializer="glorot")


def test_an_initial_weight_of_another_shape(refused):
    m = Sequential([layers.Dense(4, kernel_initializer=np.zeros((4, 3)))])
    text = "In Dense 'dense', weight 'kernel': An initial weight given as an array has another shape.\nExpected: (3, 4)\nReceived: (4, 3)"
    refused(ShapeError, text, m.build, (3,), backend="torch")
    assert not m.is_built


@pytest.mark.parametrize(
    ("argument", "value", "way"),
    [("out_features", 3, "units"), ("bias", False, "use_bias"), ("act", "relu", "activation"), ("unit", 3, "units")],
)
def test_an_unknown_argument(refused, argument, value, way):
    text = f"Dense has no argument {argument!r}.\nExpected: {DENSE}\nReceived: {argument}={value!r}\nFix: Use `{way}=` instead of `{argument}=`."
    refused(UnknownArgumentError, text, layers.Dense, **{argument: value})


def test_a_missing_argument(refused):
    text = f"Dense cannot be called so: missing a required argument: 'units'.\nExpected: {DENSE}"
    refused(UnknownArgumentError, text, layers.Dense)


@pytest.mark.parametrize("value", [0, -1, 2.5, "3", True, None])
def test_units_that_are_no_number_of_units(refused, value):
    fix = "\nFix: Use units=3." if value == "3" else ""
    text = f"Dense: invalid value for units.\nExpected: a positive integer\nReceived: {value!r}{fix}"
    refused(ArgumentError, text, layers.Dense, value)


def test_words_that_are_none(refused):
    text = "Conv2D: invalid value for padding.\nExpected: one of 'valid', 'same'\nReceived: 'SAME'\nFix: Use padding='same'."
    refused(ArgumentError, text, layers.Conv2D, 1, 1, padding="SAME")
    text = "Dropout: invalid value for rate.\nExpected: a finite number, at least 0 and below 1\nReceived: 50"
    refused(ArgumentError, text, layers.Dropout, 50)
    text = "A learning rate is a finite number of at least 0, or a schedule.\n…\nReceived: 'fast'"
    refused(ArgumentError, text, optimizers.Adam, "fast")


class MadeInForward(Model):
    def forward(self, x):
        return layers.Dense(3)(x)


def test_a_layer_made_in_forward(backend, refused):
    text = (
        "In MadeInForward 'made_in_forward': A Dense was made inside forward, where it would be new at each call.\n"
        "Fix: Make it in __init__ or setup (self.hidden = layers.Dense(…)) and call self.hidden(x) in forward."
    )
    m = MadeInForward()
    refused(ArgumentError, text, m.build, (3,), backend=backend)
    assert not m.is_built


class Remembers(Model):
    def __init__(self):
        self.last = None

    def forward(self, x):
        self.last = x
        return x


def test_an_attribute_set_in_forward(backend, refused):
    text = (
        "In Remembers 'remembers': forward of Remembers sets self.last; a value kept so would not survive compiling, copying or "
        "saving.\n"
        "Expected: forward computes and returns\n"
        "Fix: Return the value, or declare a state: self.add_weight(name, shape, trainable=False) in setup and self.update(name, "
        "value) in forward."
    )
    m = Remembers()
    refused(ArgumentError, text, m.build, (3,), backend=backend)
    assert m.last is None
    assert not m.is_built


@pytest.mark.parametrize(
    ("method", "way"),
    [("call", "forward(self, x)"), ("build", "setup(self, shape)"), ("get_config", "nothing: the constructor's …")],
)
def test_methods_that_unidl_never_calls(refused, method, way):
    text = f"Mine defines {method!r}, which unidl never calls.\nFix: In unidl this is {way}."
    refused(ForeignNameError, text, type, "Mine", (unidl.Layer,), {method: lambda self, x: x, "__module__": "mine"})


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("fit", "unidl.Trainer(model, loss=…, optimizer=…).fit(x, y)"),
        ("compile", "unidl.Trainer(model, loss=…, optimizer=…); jit=True there compiles"),
        ("parameters", "model.weights(), or model.native.parameters() on the torch backend"),
        ("to", 'model.build(…, device="gpu"), or UNIDL_DEVICE=gpu; model.copy(device=…) for a model that is built'),
    ],
)
def test_methods_from_habit(model, refused, name, way):
    refused(ForeignNameError, f"Sequential has no {name!r}.\nFix: Write {way}.", getattr, model, name)
    assert not hasattr(model, name)


@pytest.mark.parametrize(
    ("where", "name", "way"),
    [
        (layers, "Linear", "layers.Dense(units)"),
        (layers, "Conv2d", "layers.Conv2D(filters, kernel_size)"),
        (layers, "BatchNorm2d", "layers.BatchNormalization()"),
        (layers, "Denze", "unidl.layers.Dense"),
        (unidl, "nn", "unidl.layers"),
        (unidl, "Dense", "unidl.layers.Dense"),
        (unidl, "GradientTape", "unidl.value_and_grad(f)"),
        (ops, "reduce_mean", "ops.mean(x, axis)"),
        (optimizers, "adamW", "unidl.optimizers.AdamW"),
    ],
)
def test_names_from_habit(refused, where, name, way):
    refused(ForeignNameError, f"{where.__name__} has no {name!r}.\nFix: Write {way}.", getattr, where, name)


def test_an_unknown_name(refused):
    refused(
        ForeignNameError,
        "unidl.losses has no 'Xyzzy'.\nExpected: one of BinaryCrossEntropy, …, Tversky, get",
        getattr,
        unidl.losses,
        "Xyzzy",
    )


def test_a_backend_by_its_other_name(monkeypatch, refused):
    monkeypatch.setenv("UNIDL_BACKEND", "pytorch")
    text = (
        "There is no backend 'pytorch' (from the environment variable UNIDL_BACKEND).\n"
        "Expected: one of torch, keras, tensorflow\n"
        "Received: 'pytorch'\n"
        "Fix: Write torch. Installed backends: …."
    )
    m = Sequential([layers.Dense(1)])
    refused(BackendUnavailableError, text, m, np.ones((2, 3)))
    assert not m.is_built


def test_a_device_by_its_other_name(backend, refused):
    m = Sequential([layers.Dense(1)])
    text = "There is no device '/GPU:0' (from the argument device=).\n…Fix: Write gpu:0."
    refused(DeviceError, text, m.build, (3,), backend=backend, device="/GPU:0")
    assert not m.is_built


def test_no_description_of_inputs(refused):
    m = Sequential([layers.Dense(1)])
    text = (
        "'sequential' cannot be built without knowing its inputs.\n"
        "Expected: a shape without its batch axis, an unidl.Input, or an example\n"
        "Received: {}\n"
        "Fix: model.build((28, 28, 1)), model.build((8,)) for one axis, or call the model on data."
    )
    refused(ArgumentError, text.format("nothing"), m.build)
    refused(ArgumentError, text.format("3"), m.build, 3)
    refused(
        UnknownArgumentError,
        "Model.build has no argument 'input_shape'.\n…Fix: Write the shape alone: model.build((28, 28, 1)).",
        m.build,
        input_shape=(3,),
    )
    refused(
        ArgumentError,
        "Input: invalid value for shape.\nExpected: a tuple of positive integers, None where the length may vary: (28, 28, 1), or (8,) for one axis\nReceived: 3\nFix: Use (3,).",
        Input,
        3,
    )


def test_what_is_no_layer(model, refused):
    text = "Sequential: item 1 is no layer.\nExpected: a layer or model\nReceived: …\nFix: {}"
    refused(
        ArgumentError, text.format('A function is a layer with layers.Activation("relu"), or …'), Sequential, [ops.relu]
    )
    refused(
        ArgumentError,
        text.format("A module of a framework cannot stand in a description; …"),
        Sequential,
        [model.native],
    )
    refused(
        ArgumentError, "Sequential: item 1 is the class Dense.\nFix: Call it: Dense(…).", Sequential, [layers.Dense]
    )
    text = "Sequential takes its layers in one list.\nExpected: Sequential([layers.Dense(64), layers.Dense(10)])\nReceived: Dense(units=1)"
    refused(ArgumentError, text, Sequential, layers.Dense(1))


def test_a_layer_alone(refused):
    text = (
        "Dense was called on ndarray, and a layer alone has no weights.\n"
        "Expected: a symbolic tensor (unidl.Input), or a call in a model's forward\n"
        "Fix: unidl.Sequential([Dense(…)])(x), …"
    )
    refused(NotBuiltError, text, layers.Dense(3), np.ones((2, 3)))


def test_names_that_cannot_be(refused):
    text = "Two layers of one model have the name 'a'.\nExpected: a name for each\nFix: Rename one."
    refused(ArgumentError, text, Sequential, [layers.Dense(1, name="a"), layers.Dense(1, name="a")])
    refused(
        ArgumentError,
        "Dense cannot have the name 'a/b'.\nExpected: a Python identifier: …\nReceived: 'a/b'",
        layers.Dense,
        1,
        name="a/b",
    )


def test_floats_into_an_embedding(refused):
    text = "In Embedding 'embedding': ops.take: take needs integer indices.\nExpected: int64, or another integer\nReceived: float32\nFix: …"
    refused(DtypeError, text, Sequential([layers.Embedding(5, 2)]).output_shape, (None, 3))
