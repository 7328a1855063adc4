"""What a training step takes on a CPU instead of TensorFlow's slow kernels: the same gradients, and gradients of these."""

import numpy as np
import pytest
import tensorflow as tf

import unidl
from unidl import Sequential, layers, ops
from unidl.backends.tensorflow.layers import recurrent
from unidl.backends.tensorflow.ops import convolution_gradient
from unidl.backends.tensorflow.tracing import in_mode

RNG = np.random.default_rng(0)
# (height, width), channels, filters, window, stride, padding -> the way that is taken
CONVOLUTIONS = {
    "small": ((6, 7), 2, 3, (3, 3), 1, "same", "scattered"),
    "small, even window": ((6, 5), 2, 3, (2, 4), 1, "same", "scattered"),
    "small, no padding": ((7, 6), 2, 3, (3, 2), 1, "valid", "scattered"),
    "small, padded by hand": ((5, 5), 2, 3, (3, 3), 1, ((2, 1), (0, 4)), "scattered"),
    "one pixel": ((1, 1), 2, 3, (3, 3), 1, "same", "scattered"),
    "many channels": ((9, 9), 16, 16, (3, 3), 1, "same", "turned"),
    "many channels, even window": ((9, 10), 16, 16, (4, 2), 1, "same", "turned"),
    "many channels, no padding": ((11, 10), 16, 16, (3, 2), 1, "valid", "turned"),
    "small, pointwise": ((5, 6), 2, 3, (1, 1), 1, "same", "scattered"),
    "pointwise": ((9, 9), 16, 17, (1, 1), 1, "same", "turned"),
    "strided": ((8, 7), 2, 3, (3, 3), 2, "same", "scattered"),
    "strided, no padding, a rest": ((8, 9), 2, 3, (3, 3), 2, "valid", "scattered"),
    "strided, even window": ((7, 8), 2, 3, (4, 2), 2, "same", "scattered"),
    "strided, pointwise": ((8, 7), 2, 3, (1, 1), 2, "same", "scattered"),
    "strided beyond the window": ((11, 10), 2, 3, (2, 1), 3, "same", "scattered"),
    "few channels": ((9, 9), 2, 3, (3, 3), 1, "same", None),
    "large and strided": ((20, 20), 2, 3, (3, 3), 2, "same", None),
}


@pytest.fixture(autouse=True)
def without_onednn(monkeypatch):
    """As on a processor without the instructions that oneDNN wants, whatever this one is."""
    monkeypatch.setattr(convolution_gradient, "by_onednn", lambda: False)


def twice(f, xs):
    """Gradients by each, and by each again of the sum of their sines."""
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(xs)
        with tf.GradientTape() as tape:
            tape.watch(xs)
            y = f(*xs)
        found = tape.gradient(y, xs)
        along = tf.add_n([tf.reduce_sum(tf.sin(gradient)) for gradient in found])
    return [*found, *outer.gradient(along, xs)]


def in_both_modes(f, xs, traced):
    found = []
    for training in (False, True):

        def gradients(*xs, training=training):
            with in_mode(training):
                return twice(f, list(xs))

        run = tf.function(gradients, autograph=False) if traced else gradients
        found.append([gradient.numpy() for gradient in run(*xs)])
    for own, other in zip(*found, strict=True):
        assert np.abs(own).max() > 1e-3
        np.testing.assert_allclose(other, own, rtol=1e-10, atol=1e-12)


@pytest.fixture
def taken(monkeypatch):
    """The names of the ways that were taken."""
    found = set()
    for name in ("turned", "scattered"):
        own = getattr(convolution_gradient, name)

        def noted(*args, own=own, name=name, **options):
            found.add(name)
            return own(*args, **options)

        monkeypatch.setattr(convolution_gradient, name, noted)
    return found


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_of_convolutions(case, traced, taken):
    lengths, channels, filters, size, stride, padding, expected = CONVOLUTIONS[case]
    x = tf.constant(RNG.normal(size=(3, *lengths, channels)))
    kernel = tf.constant(RNG.normal(size=(*size, channels, filters)))

    def total(x, kernel):
        return ops.sum(ops.sin(ops.conv(x, kernel, stride, padding)))

    in_both_modes(total, [x, kernel], traced)
    assert taken == ({expected} - {None})


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize(
    ("size", "stride", "padding", "expected"),
    [
        ((3, 3), 1, "same", "scattered"),
        ((2, 3), 1, "valid", "scattered"),
        ((2, 2), 2, "valid", "scattered"),
        ((4, 4), 2, "same", "scattered"),
        ((1, 2), 3, "same", "scattered"),
        ((5, 2), 3, "valid", "scattered"),
    ],
)
def test_of_transposed_convolutions(size, stride, padding, expected, traced, taken):
    x, kernel = tf.constant(RNG.normal(size=(3, 4, 5, 3))), tf.constant(RNG.normal(size=(*size, 2, 3)))

    def total(x, kernel):
        return ops.sum(ops.sin(ops.conv_transpose(x, kernel, stride, padding)))

    in_both_modes(total, [x, kernel], traced)
    assert taken == {expected}


@pytest.mark.parametrize("case", ["small", "many channels", "strided"])
def test_of_no_examples(case):
    """A batch may be empty, as everywhere."""
    lengths, channels, filters, size, stride, padding, _ = CONVOLUTIONS[case]
    x, kernel = tf.zeros((0, *lengths, channels)), tf.ones((*size, channels, filters))
    with in_mode(True), tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = ops.conv(x, kernel, stride, padding)
    by_x, by_kernel = tape.gradient(y, [x, kernel])
    assert by_x.shape == x.shape
    assert not by_kernel.numpy().any()


class Started(unidl.Model):
    """A layer that begins from a state that it is given."""

    def __init__(self, layer):
        self.series = layer

    def forward(self, x, h, c):
        return self.series(x, (h, c))


@pytest.mark.parametrize(
    "options", [{}, {"return_sequences": True}, {"go_backwards": True}, {"use_bias": False}], ids=str
)
@pytest.mark.parametrize("started", [False, True])
def test_of_a_large_lstm(options, started, monkeypatch):
    taken = []
    own = recurrent.through_time
    monkeypatch.setattr(recurrent, "LARGE", 0)
    monkeypatch.setattr(recurrent, "through_time", lambda *given: taken.append(1) or own(*given))
    layer = layers.LSTM(16, **options)
    shapes = [(5, 8), (16,), (16,)] if started else [(5, 8)]
    model = (Started(layer) if started else Sequential([layer])).build(*shapes, backend="tensorflow")
    inputs = [tf.constant(RNG.normal(size=(3, *shape)), tf.float32) for shape in shapes]
    wanted = [*inputs, *model.native.trainable_variables]
    found = []
    for training in (False, True):

        @tf.function
        def gradients(training=training):
            with in_mode(training), tf.GradientTape() as tape:
                tape.watch(wanted)
                y = model.native(*inputs)
                loss = tf.reduce_sum(y**2 * 0.5 + y)
            return tape.gradient(loss, wanted)

        found.append([gradient.numpy() for gradient in gradients()])
    for own_gradient, other in zip(*found, strict=True):
        largest = np.abs(own_gradient).max()
        assert largest > 1e-3
        np.testing.assert_allclose(other, own_gradient, rtol=1e-4, atol=1e-5 * largest)  # float32
    assert taken
