"""A user's own lowering, and the proof that tells a wrong one."""

import numpy as np
import pytest
import torch

import unidl
from unidl import layers, ops
from unidl.backends import lowering
from unidl.backends.torch.weight import Slot, transposed
from unidl.errors import ArgumentError, BackendUnavailableError, ConformanceError
from unidl.testing import check_layer


class Affine(unidl.Layer):
    """A user's layer that torch has too."""

    def __init__(self, units):
        self.units = units

    def setup(self, shape):
        self.add_weight("kernel", (shape[-1], self.units))
        self.add_weight("offset", (self.units,), "zeros")

    def forward(self, x):
        return ops.matmul(x, self.kernel) + self.offset


def right():
    """A lowering that computes it."""

    class AffineInTorch:
        def make(plan):
            return torch.nn.Linear(*plan.weights["kernel"].shape, dtype=getattr(torch, plan.dtype))

        def call(layer, native, x):
            return native(x)

        def slots(plan, native):
            return {"kernel": Slot(native, "weight", transposed), "offset": Slot(native, "bias")}

    return AffineInTorch


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    monkeypatch.setattr(lowering, "ADDED", dict(lowering.ADDED))


@pytest.mark.parametrize("backend", ["torch"])
def test_a_right_lowering_is_used_and_proven(backend):
    unidl.lowering(Affine, backend)(right())
    proofs = check_layer(Affine(3), (4, 5), backends=[backend])
    assert [(p.precision, p.native, p.way) for p in proofs] == [
        ("float32", "torch.nn.Linear", "native"),
        ("float64", "torch.nn.Linear", "native"),
    ]


class Curved(Affine):
    """Likewise, with a second derivative."""

    def forward(self, x):
        return ops.tanh(super().forward(x))


def once(module, x):
    """tanh whose first derivative is right and whose second is zero."""
    z = module(x)
    y = torch.tanh(z).detach()
    return y + (1 - y * y) * (z - z.detach())


@pytest.mark.parametrize("backend", ["torch"])
def test_a_wrong_second_derivative_is_told_and_the_definition_serves_nested_gradients(backend):
    functions = right()
    functions.call = lambda layer, native, x: once(native, x)
    unidl.lowering(Curved, backend)(functions)
    with pytest.raises(ConformanceError, match="second derivative by") as caught:
        check_layer(Curved(3), (4, 5), backends=[backend])
    assert "`nested`" in str(caught.value)
    functions.nested = lambda plan: "its second derivative is zero"
    unidl.lowering(Curved, backend)(functions)
    assert {p.way for p in check_layer(Curved(3), (4, 5), backends=[backend])} == {"native"}


@pytest.mark.parametrize("backend", ["keras"])
@pytest.mark.parametrize("within", [lambda layer: unidl.Sequential([layer]), lambda layer: Holding(layer)])
def test_a_definition_serves_nested_gradients_of_a_keras_layer_of_ones_own(backend, within):
    """In a functional model, and in one whose forward Keras cannot record: the lowering says why, and the definition runs."""
    keras = pytest.importorskip("keras")
    calls = []

    class CurvedInKeras:
        def make(plan):
            return keras.layers.Dense(plan.layer.units, activation="tanh", dtype=plan.dtype)

        def call(layer, native, x):
            calls.append("native")
            return native(x)

        def slots(plan, native):
            from unidl.backends.keras.weight import Slot

            return {"kernel": Slot(native, "kernel"), "offset": Slot(native, "bias")}

        def nested(plan):
            return "to be seen"

    unidl.lowering(Curved, backend)(CurvedInKeras)
    model = within(Curved(3)).build((5,), backend=backend)
    x = unidl.to_numpy(model(np.ones((2, 5), "float32"), training=True))
    calls.clear()
    with unidl.using(backend):
        second = unidl.grad(lambda x: ops.sum(unidl.grad(lambda z: ops.sum(model(z)))(x) ** 2))
        found = unidl.to_numpy(second(np.ones((2, 5), "float32")))
    assert calls == []
    kernel = next(value for path, value in model.weights().items() if path.endswith("kernel"))
    first = (1 - x**2) @ kernel.T
    np.testing.assert_allclose(found, 2 * ((first @ kernel) * -2 * x * (1 - x**2)) @ kernel.T, rtol=1e-4, atol=1e-5)
    assert {row.way for row in model.lowering() if row.layer == "Curved"} == {"native"}


class Holding(unidl.Model):
    def __init__(self, layer):
        self.layer = layer

    def forward(self, x):
        return self.layer(x) * 1.0 if self.training else self.layer(x)


@pytest.mark.parametrize("backend", ["torch"])
def test_its_reason_to_refuse_is_shown(backend):
    functions = right()
    functions.refuses = lambda plan: "only for even units" if plan.layer.units % 2 else None
    unidl.lowering(Affine, backend)(functions)
    assert {p.reason for p in check_layer(Affine(3), (4, 5), backends=[backend])} == {"only for even units"}
    assert {p.way for p in check_layer(Affine(4), (4, 5), backends=[backend])} == {"native"}


def wrong_output(functions):
    functions.call = lambda layer, native, x: native(x) * 1.001


def wrong_gradient(functions):
    functions.call = lambda layer, native, x: native(x) + (native.bias.detach() - native.bias)


def wrong_layout(functions):
    functions.slots = lambda plan, native: {
        "kernel": Slot(native, "weight", lambda w: w.reshape(w.shape[1], w.shape[0])),
        "offset": Slot(native, "bias"),
    }


def copied_weights(functions):
    functions.slots = lambda plan, native: {
        "kernel": Slot(native, "weight", lambda w: w.T.clone()),
        "offset": Slot(native, "bias"),
    }


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (wrong_output, r"Affine on torch in float32 \(torch.nn.Linear.*differs from its definition in float64: \w+"),
        (wrong_gradient, "gradient by weight 'offset'"),
        (wrong_layout, "differs from its definition in float64"),
        (copied_weights, "the weight 'kernel' is not read back as it was written"),
    ],
)
@pytest.mark.parametrize("backend", ["torch"])
def test_a_wrong_lowering_is_told(spoil, told, backend):
    functions = right()
    spoil(functions)
    unidl.lowering(Affine, backend)(functions)
    with pytest.raises(ConformanceError, match=told) as caught:
        check_layer(Affine(3), (4, 5), backends=[backend])
    assert "Fix:" in str(caught.value)


def test_a_users_layer_on_every_backend(backend):
    proofs = check_layer(Affine(3), (4, 5), backends=[backend])
    assert [p.way for p in proofs] == ["definition", "definition"]
    assert max(p.difference for p in proofs if p.precision == "float64") < 1e-10


def test_inputs_of_all_kinds(backend):
    check_layer(layers.Add(), [(4, 3), (4, 1)], backends=[backend])
    check_layer(layers.Embedding(5, 2), np.array([[0, 4], [1, 1]]), backends=[backend])
    check_layer(
        layers.LSTM(2), (3, 4, 2), named={"mask": np.tril(np.ones((3, 4), bool))}, backends=[backend], training=False
    )


def test_a_layer_that_draws_is_refused():
    with pytest.raises(ArgumentError, match="Dropout draws random numbers in training"):
        check_layer(layers.Dropout(0.5), (4, 16))
    check_layer(layers.Dropout(0.5), (4, 16), backends=["torch"], training=False)


def test_a_lowering_of_what_is_no_layer_is_refused():
    with pytest.raises(ArgumentError, match="A lowering is of a layer's class"):
        unidl.lowering(Affine(3), "torch")
    with pytest.raises(BackendUnavailableError, match="There is no backend 'pytorch'"):
        unidl.lowering(Affine, "pytorch")
    with pytest.raises(ArgumentError, match="has no make and no call"):
        unidl.lowering(Affine, "torch")(type("Nothing", (), {}))
