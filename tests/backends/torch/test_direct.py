"""torch's function runs instead of its module's call only where nobody can tell: whoever listens, replaces or compiles is heeded."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import unidl
from unidl import layers
from unidl.backends.torch.fast_path import unobserved
from unidl.backends.torch.layers.attention import PackedAttention

IMAGE = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype("float32")
ROWS = np.random.default_rng(1).normal(size=(4, 5)).astype("float32")
WORDS = np.random.default_rng(3).normal(size=(2, 5, 6)).astype("float32")
PLACES = np.random.default_rng(2).integers(0, 7, (4, 3))

CASES = {
    "dense": (lambda: layers.Dense(4, "relu"), ROWS, nn.Linear),
    "embedding": (lambda: layers.Embedding(7, 4), PLACES, nn.Embedding),
    "conv2d": (lambda: layers.Conv2D(4, 3, activation="relu"), IMAGE, nn.Conv2d),
    "conv2d_transpose": (lambda: layers.Conv2DTranspose(4, 3, 2), IMAGE, nn.ConvTranspose2d),
    "layer_normalization": (lambda: layers.LayerNormalization(), ROWS, nn.LayerNorm),
    "max_pooling2d": (lambda: layers.MaxPooling2D(), IMAGE, nn.MaxPool2d),
    "flatten": (lambda: layers.Flatten(), IMAGE, nn.Flatten),
    "attention": (lambda: layers.MultiHeadAttention(2, 3), WORDS, PackedAttention),
}


@pytest.fixture(params=CASES)
def case(request):
    make, x, cls = CASES[request.param]
    return (
        unidl.Sequential([make()]).build(
            x.shape[1:] if x.dtype == "float32" else unidl.Input((3,), "int64"), backend="torch", seed=1
        ),
        x,
        cls,
    )


def nothing(y):
    """Zeros, in the structure that a forward gives."""
    return tuple(map(nothing, y)) if isinstance(y, tuple) else None if y is None else y * 0


def _child(model):
    return next(model.native.children())


def test_the_module_is_not_called_where_nobody_looks(case, monkeypatch):
    model, x, cls = case
    plain = model.predict(x)

    def called(*_, **__):
        raise AssertionError("the module was called")

    # its class' __call__, not its forward: with another forward the module is no longer torch's own
    monkeypatch.setattr(cls, "__call__", called)
    np.testing.assert_array_equal(model.predict(x), plain)


@pytest.mark.parametrize("hook", ["forward_pre", "forward", "global"])
def test_who_listens_hears(case, hook):
    model, x, _ = case
    plain, heard = model.predict(x), []
    hear = lambda *_: heard.append(1)  # noqa: E731
    if hook == "global":
        handle = nn.modules.module.register_module_forward_pre_hook(hear)
    else:
        handle = getattr(_child(model), f"register_{hook}_hook")(hear)
    try:
        np.testing.assert_array_equal(model.predict(x), plain)
    finally:
        handle.remove()
    assert heard
    del heard[:]
    model.predict(x)
    assert not heard


def test_a_forward_put_on_the_object_or_the_class_runs(case, monkeypatch):
    model, x, cls = case
    child, forward = _child(model), cls.forward
    plain = model.predict(x)
    assert unobserved(child)
    child.forward = lambda *given, **named: nothing(forward(child, *given, **named))
    assert not unobserved(child)
    assert not model.predict(x).any()
    del child.forward
    monkeypatch.setattr(cls, "forward", lambda self, *given, **named: nothing(forward(self, *given, **named)))
    assert not model.predict(x).any()
    monkeypatch.undo()
    np.testing.assert_array_equal(model.predict(x), plain)


def test_what_a_child_was_compiled_to_runs(case):
    model, x, cls = case
    child = _child(model)
    # as child.compile() does
    child._compiled_call_impl = lambda *given, **named: nothing(cls.forward(child, *given, **named))
    assert not unobserved(child)
    assert not model.predict(x).any()


def test_a_parameter_put_in_anothers_place_counts():
    model = unidl.Sequential([layers.Dense(4)]).build(ROWS.shape[1:], backend="torch")
    child = _child(model)
    child.weight = nn.Parameter(torch.zeros_like(child.weight))
    assert not model.predict(ROWS).any()
    nn.utils.parametrize.register_parametrization(child, "weight", torch.nn.Softmax(-1))
    np.testing.assert_allclose(model.predict(ROWS), np.repeat(ROWS.mean(1, keepdims=True), 4, 1), rtol=1e-5, atol=1e-6)


def test_a_tensor_in_a_parameters_place_counts():
    model = unidl.Sequential([layers.Dense(4)]).build(ROWS.shape[1:], backend="torch")
    child = _child(model)
    del child.weight
    child.weight = torch.zeros(4, 5)
    assert not model.predict(ROWS).any()


class Marked(torch.Tensor):
    """A tensor of the user's own class."""


def test_a_tensor_of_another_class_goes_through_the_module(case, monkeypatch):
    model, x, cls = case
    called, call = [], nn.Module.__call__
    monkeypatch.setattr(
        cls, "__call__", lambda self, *given, **named: called.append(type(given[0])) or call(self, *given, **named)
    )
    y = model(torch.from_numpy(x).as_subclass(Marked))
    assert called == [Marked]
    assert type(y) is Marked


def test_who_listens_to_the_projection_inside_hears():
    model = unidl.Sequential([layers.MultiHeadAttention(2, 3)]).build(WORDS.shape[1:], backend="torch")
    out, heard = _child(model).out_proj, []
    handle = out.register_forward_hook(lambda *_: heard.append(1))
    model.predict(WORDS)
    handle.remove()
    model.predict(WORDS)
    assert heard == [1]
    with torch.no_grad():
        out.bias.fill_(2)
    out.weight = nn.Parameter(torch.zeros_like(out.weight))
    assert (model.predict(WORDS) == 2).all()


class Net(unidl.Model):
    def __init__(self):
        self.first, self.second = layers.Dense(3), Inner()

    def forward(self, x):
        return self.second(self.first(x))


class Inner(unidl.Layer):
    def __init__(self):
        self.head = layers.Dense(2)

    def forward(self, x):
        return self.head(x)


class Negative(nn.Module):
    def forward(self, x):
        return -x


def test_a_module_in_anothers_place_is_found_at_the_next_call():
    model = Net().build(ROWS.shape[1:], backend="torch")
    model.predict(ROWS)
    model.native.first = nn.Linear(5, 3)
    wanted = model.native.second.head(model.native.first(torch.from_numpy(ROWS))).detach()
    np.testing.assert_allclose(model.predict(ROWS), wanted, rtol=1e-6)
    model.native.second = Negative()
    wanted = -model.native.first(torch.from_numpy(ROWS)).detach()
    np.testing.assert_allclose(model.predict(ROWS), wanted, rtol=1e-6)


def test_a_description_held_from_before_asks_the_module_that_stands_there_now():
    model = Net().build(ROWS.shape[1:], backend="torch")
    held = model.native.bound.first
    model.native.first = nn.Linear(5, 3).eval()
    x = torch.from_numpy(ROWS)
    assert torch.equal(held(x), model.native.first(x))
    assert not held.training


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda native: pickle.loads(pickle.dumps(native))])
def test_a_copy_runs_on_its_own_weights(copied):
    model = Net().build(ROWS.shape[1:], backend="torch")
    native, x = model.native, torch.from_numpy(ROWS)
    other = copied(native)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert not other(x).any()
    assert native(x).any()


def test_hooks_on_an_adapter_inside_are_heard():
    model, heard = Net().build(ROWS.shape[1:], backend="torch"), []
    handle = model.native.second.register_forward_hook(lambda *_: heard.append(1))
    model.predict(ROWS)
    handle.remove()
    model.predict(ROWS)
    assert heard == [1]


class Listed(unidl.Model):
    def __init__(self):
        self.parts = [layers.Dense(3), Inner(), layers.Dense(2)]
        self.nested = [[layers.Dense(2)], layers.Dense(2)]

    def forward(self, x):
        parts = self.parts
        while parts:
            x = parts.pop(0)(x)  # the list is this call's own
        (first,), last = self.nested
        return last(first(x))


def test_a_module_in_anothers_place_in_a_list_is_found_at_the_next_call():
    model = Listed().build(ROWS.shape[1:], backend="torch")
    np.testing.assert_array_equal(model.predict(ROWS), model.predict(ROWS))
    native, x = model.native, torch.from_numpy(ROWS)
    native.parts[2], native.nested[0][0], native.nested[1] = Negative(), nn.Linear(2, 3), nn.Identity()
    wanted = native.nested[0][0](-native.parts[1](native.parts[0](x))).detach()
    np.testing.assert_allclose(model.predict(ROWS), wanted, rtol=1e-5, atol=1e-6)
    native.parts = nn.ModuleList([*native.parts[:2], nn.Linear(2, 2)])
    assert not np.allclose(model.predict(ROWS), wanted)
    del native.parts[2]
    with pytest.raises(unidl.errors.NativeStructureError, match=r"parts\.2"):
        model.predict(ROWS)


def test_attention_by_name_and_in_one():
    x = np.random.default_rng(4).normal(size=(2, 5, 6)).astype("float32")

    class Looks(unidl.Model):
        def __init__(self):
            self.attention = layers.MultiHeadAttention(2, 3)

        def forward(self, x):
            return self.attention(x), self.attention(x, value=x), self.attention(x, mask=x[:, :, :5] > -9)

    alone, by_name, masked = Looks().build(x.shape[1:], backend="torch").predict(x)
    np.testing.assert_allclose(by_name, alone, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(masked, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("strict", [False, True])
def test_a_compiler_is_shown_the_modules(strict):
    model = Net().build(ROWS.shape[1:], backend="torch")
    program = torch.export.export(model.native.eval(), (torch.from_numpy(ROWS),), strict=strict)
    stacks = [str(node.meta.get("nn_module_stack")) for node in program.graph.nodes if "linear" in node.name]
    assert len(stacks) == 2
    assert "Linear" in stacks[0]
    assert "Inner" in stacks[1]
    assert "Linear" in stacks[1]
