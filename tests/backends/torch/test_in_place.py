"""An activation runs in the memory of what torch's own module gave, and only where nobody else can hold that."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import unidl
from unidl import layers
from unidl.backends.torch.module import in_mode

X = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype("float32")


def _model(layer):
    return unidl.Sequential([layer]).build(X.shape[1:], backend="torch", seed=1)


LAYERS = {
    "dense": lambda: layers.Dense(4, "relu"),
    "conv2d": lambda: layers.Conv2D(4, 3, padding="same", activation="tanh"),
    "conv2d_transpose": lambda: layers.Conv2DTranspose(4, 3, 2, padding="same", activation="sigmoid"),
}


def _child(model):
    return next(model.native.children())


@pytest.mark.parametrize("name", LAYERS)
def test_a_hook_keeps_what_the_module_gave(name):
    model, kept = _model(LAYERS[name]()), []
    plain = unidl.to_numpy(model(X))
    _child(model).register_forward_hook(lambda module, inputs, output: kept.append(output))
    # with AVX-512 torch's sigmoid of a view with gaps has another last bit than of the same numbers without (1.6e-7 seen; none with AVX2)
    np.testing.assert_allclose(unidl.to_numpy(model(X)), plain, rtol=1e-6)
    np.testing.assert_allclose(kept[0].detach(), _child(model)(_input(name)).detach(), rtol=1e-6)


def _input(name):
    x = torch.from_numpy(X)
    return x if name == "dense" else x.permute(0, 3, 1, 2)


def test_a_hook_on_all_modules_counts():
    model, kept = _model(LAYERS["dense"]()), []
    handle = nn.modules.module.register_module_forward_hook(lambda module, inputs, output: kept.append(output.detach()))
    try:
        model(X)
    finally:
        handle.remove()
    assert float(min(output.min() for output in kept)) < 0


def test_a_module_that_gives_back_its_input_is_left_alone():
    model = unidl.Sequential([layers.Dense(3, "relu")]).build(X.shape[1:], backend="torch")
    model.native.dense = nn.Identity()
    given = torch.from_numpy(X.copy())
    assert float(model(given).min()) == 0
    np.testing.assert_array_equal(given, X)


def test_a_forward_of_the_users_own_is_left_alone():
    model = unidl.Sequential([layers.Dense(3, "relu")]).build(X.shape[1:], backend="torch")
    model.native.dense.forward = lambda x: x
    given = torch.from_numpy(X.copy())
    assert float(model(given).min()) == 0
    np.testing.assert_array_equal(given, X)


def test_predict_leaves_every_flag_as_it_was():
    model = unidl.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)])
    model.build(X.shape[1:], backend="torch")
    model.native.train()
    model.native.batch_normalization.eval()  # as people do who tune the rest
    model.predict(X)
    flags = {name: module.training for name, module in model.native.named_modules()}
    assert flags == {"": True, "dense": True, "batch_normalization": False, "dropout": True}


# torch's own, when its compiler is first imported
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", LAYERS)
def test_the_compiler_takes_it_whole(name):
    model = _model(LAYERS[name]())
    plain = unidl.to_numpy(model(X))
    compiled = torch.compile(model.native, fullgraph=True, backend="eager")
    np.testing.assert_allclose(compiled(torch.from_numpy(X)).detach(), plain, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("hook", ["register_full_backward_hook", "register_full_backward_pre_hook"])
@pytest.mark.parametrize("name", LAYERS)
def test_backward_hooks_work(name, hook):
    model, seen = _model(LAYERS[name]()), []
    getattr(_child(model), hook)(lambda module, *gradients: seen.append(gradients))
    x = torch.from_numpy(X).requires_grad_()  # that is what such hooks are for
    model.native(x).sum().backward()
    assert float(x.grad.abs().sum()) > 0
    assert len(seen) == 1


def test_an_activation_that_cannot_be_hashed():
    @dataclasses.dataclass
    class Scaled:
        factor: float = 2.0

        def __call__(self, x):
            return unidl.ops.relu(x) * self.factor

    plain = unidl.Sequential([layers.Dense(4, "relu")]).build(X.shape[1:], backend="torch", seed=1)
    scaled = unidl.Sequential([layers.Dense(4, Scaled())]).build(X.shape[1:], backend="torch", seed=1)
    np.testing.assert_allclose(scaled.predict(X), 2 * plain.predict(X), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("wrap", [lambda m: torch.compile(m, backend="eager"), torch.jit.script])
def test_a_compiled_child_is_a_child(wrap):
    model = unidl.Sequential([layers.Dense(4), layers.Dense(2)]).build((3,), backend="torch")
    x = np.ones((2, 3), "float32")
    before = model.predict(x)
    model.native.dense = wrap(model.native.dense)
    np.testing.assert_allclose(model.predict(x), before, rtol=1e-6)
    unidl.Trainer(model, "mse", "sgd").fit(x, before, progress=False)


class AlwaysResting(nn.Dropout):
    """As people write who never want it: a train that refuses."""

    def train(self, mode=True):
        return self


def test_a_module_whose_train_refuses_is_left_alone():
    model = unidl.Sequential([layers.Dense(4), layers.Dropout(0.9)]).build((3,), backend="torch")
    resting = AlwaysResting(0.9)
    resting.training = False
    model.native.dropout = resting
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(model(x, training=True).detach(), model(x).detach())


def test_what_is_frozen_inside_a_step_rests_afterwards():
    model = unidl.Sequential([layers.Dense(4), layers.BatchNormalization()]).build((3,), backend="torch")
    model.native.eval()
    with in_mode(model.native, True):
        model.freeze("batch_normalization")
    assert {name: m.training for name, m in model.native.named_modules()} == dict.fromkeys(
        ("", "dense", "batch_normalization"), False
    )


class Table(unidl.Model):
    def setup(self, shape):
        self.add_weight("table", (2, 3), "ones")

    def forward(self, x):
        return self.table


def test_what_predict_gives_is_nobody_elses():
    model = Table().build((3,), backend="torch")
    given = model.predict(np.ones((2, 3), "float32"))
    given *= 0
    assert model.weights()["table"].min() == 1
