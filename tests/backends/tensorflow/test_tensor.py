"""Arrays become tensors with one copy, or none where they are shared; the graph of a call is run as TensorFlow's tapes want it."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

import unidl
from unidl import Sequential, layers, ops
from unidl.backends.tensorflow import tensor as module
from unidl.backends.tensorflow.tensor import ALIGNED, LENT, to_tensor


def at(offset, shape=(6, 5), dtype="float32"):
    """An array that begins so many bytes behind an aligned place."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.zeros(size + 2 * ALIGNED, np.uint8)
    start = -room.__array_interface__["data"][0] % ALIGNED + offset
    return room[start : start + size].view(dtype).reshape(shape)


def changes_with(array, tensor):
    before = tensor.numpy().copy()
    array[(0,) * array.ndim] = 1 - array[(0,) * array.ndim]
    return not np.array_equal(tensor.numpy(), before)


def test_an_aligned_array_is_shared_where_that_is_asked():
    a = at(0)
    assert changes_with(a, to_tensor(a, share=True))
    assert not changes_with(a, to_tensor(a))


@pytest.mark.parametrize("offset", [4, 16, 32])
def test_another_is_copied_once_and_never_read_where_it_lies(offset):
    a = at(offset)
    a[:] = np.arange(30).reshape(6, 5)
    t = to_tensor(a, share=True)
    assert not changes_with(a, t)
    np.testing.assert_array_equal(tf.reduce_sum(t[1:], 0), np.arange(30).reshape(6, 5)[1:].sum(0))


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("dtype", sorted(LENT | {"uint16", "uint32", "uint64"}))
def test_every_dtype_and_layout(dtype, share):
    whole = np.arange(24).reshape(4, 6).astype(dtype)
    frozen = whole.copy()
    frozen.flags.writeable = False
    swapped = whole.astype(whole.dtype.newbyteorder())
    for a in (whole, whole.T, whole[::2, 1:], whole[:0], whole[0, 0], np.array(whole[1, 1]), frozen, swapped):
        t = to_tensor(a, share=share)
        assert t.dtype.name == dtype
        assert t.shape == a.shape
        np.testing.assert_array_equal(t.numpy(), np.asarray(a, dtype))


@pytest.mark.parametrize("wanted", ["float16", "bfloat16", "float32", "float64", "int32", "int64", "bool"])
@pytest.mark.parametrize("given", ["float64", "float32", "int64", "uint8", "bool"])
def test_casting_is_tensorflows(given, wanted):
    a = np.array([0.0, 1.0, 2.5, 1 / 3, 200.7, 1e-30, 3e38 if given == "float64" else 7.0]).astype(given)
    expected = tf.cast(tf.constant(a), wanted)
    found = to_tensor(a, dtype=wanted, device="/device:CPU:0")
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(tf.cast(found, "float64"), tf.cast(expected, "float64"))


def test_what_is_too_large_becomes_infinite_without_a_warning():
    assert np.isposinf(to_tensor(np.array([1e300]), dtype="float32").numpy()[0])


def test_the_memory_goes_with_the_tensor():
    a = at(0)
    t = to_tensor(a, share=True)
    alive = weakref.ref(a.base.base if a.base.base is not None else a.base)
    del a
    gc.collect()
    assert alive() is not None
    assert float(tf.reduce_sum(t)) == 0
    del t
    gc.collect()
    assert alive() is None


def test_inside_a_function_it_is_a_constant_of_the_graph():
    made = tf.function(lambda: to_tensor(np.arange(3.0), "float32", share=True) + 1.0)
    assert made().numpy().tolist() == [1, 2, 3]
    assert any(op.type == "Const" for op in made.get_concrete_function().graph.get_operations())


def test_data_for_fit_is_copied_once(monkeypatch):
    copies = []
    aligned = module._aligned
    monkeypatch.setattr(module, "_aligned", lambda a, dtype: copies.append(a.nbytes) or aligned(a, dtype))
    x, y = at(16, (64, 50)), np.zeros(64, "int64")
    trainer = unidl.Trainer(
        Sequential([layers.Dense(2)]), loss="cross_entropy", optimizer=unidl.optimizers.SGD(0.1), backend="tensorflow"
    )
    trainer.fit(x, y, epochs=3, progress=False)
    assert copies.count(x.nbytes) == 1
    copies.clear()
    trainer.fit(at(0, (64, 50)), y, progress=False)
    assert x.nbytes not in copies


class Two(unidl.Model):
    """Outputs in a nest whose keys are in no order, one of them missing."""

    def __init__(self):
        self.hidden = layers.Dense(3)

    def forward(self, x):
        y = self.hidden(x)
        return {"z": y, "none": None, "a": (y * 2.0, [x])}


def test_the_quick_call_gives_what_the_ordinary_one_gives():
    m = Two().build((4,), backend="tensorflow")
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    quick, ordinary = m(x), m.native(tf.constant(x))
    assert list(quick) == list(ordinary)
    assert type(quick["a"]) is tuple
    assert quick["none"] is None
    tf.nest.map_structure(np.testing.assert_array_equal, quick, ordinary)
    assert quick["z"].shape == (5, 3)
    m.native.hidden.bias.assign([1.0, 2.0, 3.0])
    np.testing.assert_allclose(m(x)["z"], quick["z"] + [[1.0, 2.0, 3.0]], rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_a_tape_sees_a_call_of_the_model(training):
    m = Sequential([layers.Dense(3, "gelu"), layers.Dense(1)]).build((4,), backend="tensorflow")
    x = tf.constant(np.random.default_rng(0).normal(size=(5, 4)).astype("float32"))
    m(x, training=training)  # traced, and run once without
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(m(x, training=training))
    by_x, *by_weights = tape.gradient(y, [x, *m.native.trainable_variables])
    assert by_x.shape == x.shape
    assert all(g is not None for g in by_weights)
    nudged = tf.constant(x.numpy() + np.eye(5, 4, dtype="float32") * 1e-2)
    change = float(ops.sum(m(nudged)) - ops.sum(m(x)))
    assert change == pytest.approx(float(tf.reduce_sum(by_x * (nudged - x))), rel=0.1)
