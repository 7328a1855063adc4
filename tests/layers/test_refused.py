"""What layers refuse, down to the sentences; the same on every backend, for no framework is asked."""

import numpy as np
import pytest

from unidl import Input, Model, Sequential, layers
from unidl.errors import ArgumentError, DtypeError, ShapeError

ARGUMENTS = {
    "pool size": (lambda: layers.MaxPooling2D(0), "MaxPooling2D: invalid value for pool_size."),
    "strides": (lambda: layers.AveragePooling2D(2, (1, 2, 3)), "AveragePooling2D: invalid value for strides."),
    "padding": (lambda: layers.MaxPooling2D(2, padding="half"), "MaxPooling2D: invalid value for padding."),
    "rate": (lambda: layers.Dropout(1.0), "Dropout: invalid value for rate."),
    "classes": (lambda: layers.Embedding(0, 4), "Embedding: invalid value for input_dim."),
    "units": (lambda: layers.LSTM(2.5), "LSTM: invalid value for units."),
    "activation": (lambda: layers.LSTM(2, activation="rellu"), "There is no activation 'rellu'."),
    "activation layer": (lambda: layers.Activation("tahn"), "There is no activation 'tahn'."),
    "heads": (lambda: layers.MultiHeadAttention(0, 4), "MultiHeadAttention: invalid value for num_heads."),
    "attention dropout": (
        lambda: layers.MultiHeadAttention(1, 4, dropout=-1),
        "MultiHeadAttention: invalid value for dropout.",
    ),
    "transposed strides": (
        lambda: layers.Conv2DTranspose(1, 2, (1, 2, 3)),
        "Conv2DTranspose: invalid value for strides.",
    ),
    "interpolation": (lambda: layers.UpSampling2D(2, "cubic"), "UpSampling2D: invalid value for interpolation."),
    "no axis": (lambda: layers.LayerNormalization(()), "LayerNormalization: invalid value for axis."),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments(name):
    make, sentence = ARGUMENTS[name]
    with pytest.raises(ArgumentError, match=sentence.replace("(", r"\(")):
        make()


SHAPES = {
    "pooling": (layers.MaxPooling2D(), [(None, 8, 3)], "needs an input of 4 axes (batch, height, width, channels)"),
    "transposed": (
        layers.Conv2DTranspose(2, 3),
        [(None, 8, 3)],
        "needs an input of 4 axes (batch, height, width, channels)",
    ),
    "larger": (layers.UpSampling2D(), [(None, 8, 3)], "needs an input of 4 axes (batch, height, width, channels)"),
    "window": (layers.MaxPooling2D(4), [(None, 3, 8, 2)], "In MaxPooling2D"),
    "global": (layers.GlobalAveragePooling2D(), [(None, 8, 3)], "needs an input of 4 axes"),
    "normalised axis": (layers.LayerNormalization(3), [(None, 8, 3)], "There is no axis 3 in a tensor of 3 axes."),
    "normalised length": (
        layers.LayerNormalization(),
        [(None, None)],
        "needs to know the length of its input's normalised",
    ),
    "nothing to normalise": (layers.LayerNormalization(), [(None, 0)], "cannot normalise over no element"),
    "recurrent": (layers.LSTM(3), [(None, 8)], "LSTM needs an input of 3 axes (batch, time, features)."),
    "attention": (layers.MultiHeadAttention(2, 4), [(None, 8)], "MultiHeadAttention needs an input of 3 axes"),
    "softmax": (layers.Softmax(axis=4), [(None, 8)], "There is no axis 4"),
    "axes to add": (layers.Add(), [[(None, 8), (None, 8, 1)]], "Add needs inputs with the same number of axes."),
    "lengths to add": (layers.Add(), [[(None, 8), (None, 7)]], "In Add"),
    "lengths beside": (layers.Concatenate(), [[(None, 4, 8), (None, 5, 8)]], "In Concatenate"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    layer, shapes, sentence = SHAPES[name]
    with pytest.raises(ShapeError) as caught:
        layer.output_shape(*shapes)
    assert sentence in str(caught.value)
    assert "In " in str(caught.value)


USES = {
    "batch axis": (layers.LayerNormalization(0), [(None, 8)], "normalises each example by itself"),
    "axis twice": (layers.LayerNormalization((1, -1)), [(None, 8)], "normalises each example by itself"),
    "no list": (layers.Add(), [(None, 8)], "Add takes its inputs in one list."),
    "one alone": (layers.Multiply(), [[(None, 8)]], "Multiply takes its inputs in one list."),
    "two inputs": (layers.Add(), [(None, 8), (None, 8)], "Expected: forward(inputs)"),
    "three for two": (layers.Subtract(), [[(None, 8)] * 3], "Subtract takes two tensors."),
    "examples": (layers.Concatenate(axis=0), [[(None, 8)] * 2], "Concatenate joins features, not examples."),
}


@pytest.mark.parametrize("name", USES)
def test_uses(name):
    layer, shapes, sentence = USES[name]
    with pytest.raises(ArgumentError) as caught:
        layer.output_shape(*shapes)
    assert sentence in str(caught.value)


def test_a_mask_says_which_place_may_look_where():
    x = Input((5, 8))
    attention = layers.MultiHeadAttention(2, 4)
    with pytest.raises(ShapeError, match="the mask does not say which place may look where") as caught:
        attention(x, mask=Input((5,), "bool"))
    assert "ops.expand_dims(mask, 1)" in str(caught.value)
    with pytest.raises(DtypeError, match="needs a mask of truth values"):
        attention(x, mask=Input((5, 5), "float32"))


def test_mask_or_lengths():
    x, mask, lengths = Input((5, 8)), Input((5,), "bool"), Input((), "int64")
    with pytest.raises(ArgumentError, match="LSTM takes a mask or lengths, not both"):
        layers.LSTM(3)(x, mask=mask, lengths=lengths)


def test_an_embedding_of_floats(backend):
    model = Sequential([layers.Embedding(5, 2)])
    with pytest.raises(DtypeError, match=r"In Embedding 'embedding': .*integer indices"):
        model.build((4,), backend=backend)
    model.build(Input((4,), "int64"), backend=backend)
    with pytest.raises(DtypeError, match="floating numbers would have to be cut"):
        model(np.zeros((2, 4)))


def test_layers_in_a_functional_model(backend):
    x, mask = Input((6, 4)), Input((6,), "bool")
    y = layers.LSTM(4, return_sequences=True)(x, mask=mask)
    y = layers.Add()([x, layers.MultiHeadAttention(2, 2)(y, causal=True)])
    model = Model([x, mask], layers.Dense(2)(layers.LayerNormalization()(y))).build(backend=backend)
    inputs = [np.ones((3, 6, 4), "float32"), np.tril(np.ones((3, 6), bool))]
    assert tuple(model(inputs).shape) == (3, 6, 2)
