"""Contexts and settings of a framework that stand around a call: it computes what it computes without them, or it is refused."""

import contextlib
import os

import numpy as np
import pytest

import unidl
from unidl import layers, ops, optimizers
from unidl.errors import ContextError

ENGINE = os.environ["KERAS_BACKEND"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4, 4, 2)).astype("float32")
Y = (X[:, 0, 0, 0] > 0).astype("int64")


def _trainer(backend):
    inner = [layers.Conv2D(3, 2), layers.BatchNormalization(), layers.Flatten(), layers.Dropout(0.3), layers.Dense(2)]
    given = {
        "loss": "cross_entropy",
        "optimizer": optimizers.SGD(1e-2, momentum=0.9, clip_norm=1.0),
        "metrics": ["accuracy"],
    }
    return unidl.Trainer(unidl.Sequential(inner), **given, backend=backend, seed=1)


def _used(trainer):
    """What a Trainer and its model give, used in every way."""
    history = trainer.fit(X, Y, batch_size=8, validation_data=(X, Y), progress=False)
    trainer.step((X[:8], Y[:8]))
    return {
        "losses": history.step_loss,
        "evaluated": trainer.evaluate(X, Y),
        "predicted": trainer.model.predict(X),
        "called": unidl.to_numpy(trainer.model(X)),
        "weights": trainer.model.weights(),
    }


_alone = {}


def _expected(backend):
    if backend not in _alone:
        _alone[backend] = _used(_trainer(backend))
    return _alone[backend]


@contextlib.contextmanager
def _set(*settings):
    """Inside, each function has been called with its first value; afterwards with its second."""
    for function, inside, _ in settings:
        function(inside)
    try:
        yield
    finally:
        for function, _, outside in settings:
            function(outside)


@contextlib.contextmanager
def _all(*contexts):
    with contextlib.ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield


# -- torch, alone and as Keras' engine ------------------------------------------------------------------------------------------


def _torch():
    import torch

    dtypes = (torch.set_default_dtype, torch.float64, torch.float32)
    devices = (torch.set_default_device, "meta", None)
    return {
        "no_grad": torch.no_grad,
        "inference_mode": torch.inference_mode,
        "a default device": lambda: _set(devices),
        "a device's context": lambda: torch.device("meta"),
        "a default dtype": lambda: _set(dtypes),
        "NumPy raises": lambda: np.errstate(all="raise"),
    }


@pytest.mark.parametrize("context", list(_torch()))
def test_on_torch_it_is_right(context):
    with _torch()[context]():
        found = _used(_trainer("torch"))
    np.testing.assert_equal(found, _expected("torch"))


USES = {
    "Trainer.fit": lambda t: t.fit(X, Y, progress=False),
    "Trainer.step": lambda t: t.step((X, Y)),
    "Trainer.evaluate": lambda t: t.evaluate(X, Y),
    "A call": lambda t: t.model(X),
    "predict": lambda t: t.model.predict(X),
}


def _refused(trainer, context, uses, match):
    before = trainer.model.weights()
    for use in uses:
        with context(), pytest.raises(ContextError, match=match):
            USES[use](trainer)
    np.testing.assert_equal(trainer.model.weights(), before)
    trainer.fit(X, Y, batch_size=8, progress=False)  # and it is free again


def _built(backend):
    trainer = _trainer(backend)
    trainer.model.build((4, 4, 2), backend=backend, seed=1)
    return trainer


needs_torch = pytest.mark.skipif(ENGINE != "torch", reason="this process runs Keras on another engine")
needs_tensorflow = pytest.mark.skipif(ENGINE != "tensorflow", reason="this process runs Keras on another engine")


@pytest.mark.parametrize("backend", ["torch", pytest.param("keras", marks=needs_torch)])
def test_autocast_is_refused(backend):
    """It froze training without a word: 2.29379 at every epoch."""
    import torch

    _refused(_built(backend), lambda: torch.autocast("cpu", dtype=torch.bfloat16), USES, "inside torch.autocast")


def test_autocast_inside_a_step_is_refused():
    import torch

    class Own(unidl.Trainer):
        def training_step(self, batch):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return super().training_step(batch)

    with pytest.raises(ContextError, match=r"A call of Sequential 'sequential' inside torch\.autocast"):
        Own(_built("torch").model, "cross_entropy").step((X, Y))


def test_a_native_module_is_the_users_own():
    import torch

    m = _built("torch").model
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert m.native(torch.from_numpy(X)).dtype is torch.bfloat16


def test_cached_parametrizations_are_refused():
    from torch.nn.utils import parametrize

    _refused(_built("torch"), parametrize.cached, ["Trainer.fit", "Trainer.step"], "parametrize.cached")


@pytest.mark.parametrize("backend", ["torch", pytest.param("keras", marks=needs_torch)])
def test_what_inference_mode_made_can_be_trained(backend):
    """A model that was built there has weights like any other, and gradients are not zero."""
    import torch

    with torch.inference_mode():
        m = _built(backend).model
        x = torch.from_numpy(X.copy())
        gradients = unidl.grad(lambda t: ops.mean(ops.square(m(t, training=True))), of=m)(X)
        by_input = unidl.grad(lambda t: ops.sum(ops.square(t)))(torch.ones(3))
    assert all(np.abs(unidl.to_numpy(g)).max() > 0 for path, g in gradients.items() if path == "dense/kernel")
    assert unidl.to_numpy(by_input).tolist() == [2.0, 2.0, 2.0]
    assert unidl.to_numpy(unidl.grad(lambda t: ops.sum(ops.square(t)))(x)).shape == X.shape
    unidl.Trainer(m, "cross_entropy").fit(X, Y, progress=False)


@needs_torch
@pytest.mark.parametrize("backend", ["keras"])
def test_another_default_dtype_is_refused_where_keras_draws_in_it(backend):
    import torch

    context = _set((torch.set_default_dtype, torch.bfloat16, torch.float32))
    with context, pytest.raises(ContextError, match="default dtype"):
        _built(backend).fit(X, Y, progress=False)


# -- TensorFlow, alone and as Keras' engine -------------------------------------------------------------------------------------

ON_TENSORFLOW = [
    pytest.param("tensorflow", marks=pytest.mark.skipif("tensorflow" not in ENGINE, reason="another engine")),
    pytest.param("keras", marks=needs_tensorflow),
]


def _tensorflow():
    import keras
    import tensorflow as tf

    config = keras.config
    return {
        "Keras' settings": lambda: _set(
            (config.set_floatx, "float64", "float32"),
            (config.set_dtype_policy, "mixed_bfloat16", "float32"),
            (config.set_image_data_format, "channels_first", "channels_last"),
            (config.set_epsilon, 0.5, 1e-7),
        ),
        "scopes": lambda: _all(
            tf.device("/CPU:0"),
            tf.name_scope("a"),
            keras.name_scope("b"),
            keras.device("cpu:0"),
            tf.variable_creator_scope(lambda make, **given: make(**given)),
            tf.distribute.OneDeviceStrategy("/cpu:0").scope(),
            np.errstate(all="raise"),
        ),
    }


@pytest.mark.parametrize("context", ["Keras' settings", "scopes"])
@pytest.mark.parametrize("backend", ON_TENSORFLOW)
def test_on_tensorflow_it_is_right(context, backend):
    with _tensorflow()[context]():
        found = _used(_trainer(backend))
    np.testing.assert_equal(found, _expected(backend))


@pytest.mark.parametrize("backend", ON_TENSORFLOW)
def test_functions_that_run_eagerly_round_otherwise_and_no_more(backend):
    import tensorflow as tf

    with _set((tf.config.run_functions_eagerly, True, False)), tf.GradientTape():
        found = _used(_trainer(backend))
    np.testing.assert_allclose(found["losses"], _expected(backend)["losses"], rtol=1e-5)
    np.testing.assert_allclose(found["predicted"], _expected(backend)["predicted"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", ON_TENSORFLOW)
def test_where_nothing_is_recorded_training_is_refused(backend):
    """All gradients were zero, without a word."""
    import tensorflow as tf

    trainer = _built(backend)
    _refused(trainer, tf.init_scope, ["Trainer.fit", "Trainer.step"], "records nothing for gradients")
    with tf.init_scope(), pytest.raises(ContextError, match="records nothing for gradients"):
        unidl.grad(lambda: ops.mean(trainer.model(X, training=True)), of=trainer.model)()


@pytest.mark.parametrize("backend", ON_TENSORFLOW)
def test_a_strategy_of_several_devices_is_refused(backend):
    import tensorflow as tf

    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    trainer = _built(backend)
    expected = trainer.model.predict(X)
    _refused(trainer, strategy.scope, ["Trainer.fit", "Trainer.step", "Trainer.evaluate"], "MirroredStrategy")
    with strategy.scope(), pytest.raises(ContextError, match="Building 'sequential' inside the scope of a Mirrored"):
        _built(backend)
    again = _built(backend)
    with strategy.scope():
        np.testing.assert_array_equal(again.model.predict(X), expected)


@pytest.mark.parametrize("backend", ON_TENSORFLOW)
def test_a_graph_is_no_place_to_train_in(backend):
    import tensorflow as tf

    trainer = _built(backend)
    _refused(
        trainer,
        lambda: tf.Graph().as_default(),
        ["Trainer.fit", "Trainer.step", "Trainer.evaluate"],
        "inside a tf.function",
    )
    for use in (lambda: trainer.fit(X, Y, progress=False), lambda: trainer.model.predict(X), trainer.model.weights):
        with pytest.raises(unidl.UnidlError):
            tf.function(use, autograph=False)()  # AutoGraph makes errors of its own of all that passes through it


@needs_tensorflow
@pytest.mark.parametrize("backend", ["keras"])
def test_scopes_of_keras_are_refused(backend):
    import keras

    trainer = _built(backend)
    _refused(trainer, keras.StatelessScope, ["Trainer.fit", "Trainer.step", "Trainer.evaluate"], "StatelessScope")
    with keras.RematScope(mode="full"), pytest.raises(ContextError, match="RematScope"):
        _built(backend)
