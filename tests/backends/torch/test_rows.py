"""torch's rows: what they name is there, running and source code agree on when they serve, and helpers are what is printed."""

import inspect

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import unidl
from tests.conformance.case import trial
from tests.conformance.layer_cases import CASES
from unidl import layers
from unidl.backends import lowering
from unidl.backends.torch.layers import NATIVES, attention, convolution, recurrent
from unidl.backends.torch.source import SOURCE
from unidl.codegen.native import row_of
from unidl.errors import ArgumentError, FileError
from unidl.native.row import Native, length
from unidl.native.tie import Tie

ROWS = {cls.__name__: (cls, row) for cls, row in NATIVES.items()}


def plans():
    """A traced layer for each case of the conformance list that has a row."""
    for case in CASES:
        model = trial(case).build("torch", "float32")
        for plan in model._unidl.built.plan.walk():
            if type(plan.layer) in NATIVES:
                yield case.id, plan, NATIVES[type(plan.layer)]


@pytest.fixture(scope="module")
def traced():
    return list(plans())


def test_arguments_are_parameters_of_the_class_and_what_is_tied_is_there(traced):
    for name, plan, row in traced:
        if row.unsupported(plan) is not None:
            continue
        cls = row.class_of(plan)
        assert set(row.given(plan)) <= set(SOURCE.defaults(cls)), name
        with torch.device("meta"):
            module = getattr(nn, cls.removeprefix("nn."))(**row.given(plan))
        state = {key: tuple(value.shape) for key, value in module.state_dict().items() if key != "num_batches_tracked"}
        tied = {tie.native for ties in row.ties(plan).values() for tie in ties}
        assert tied | set(row.fixed_in(plan)) == set(state), name
        for weight, ties in row.ties(plan).items():
            for tie in ties:
                assert tie.native_shape(plan.weights[weight].shape) == state[tie.native], (name, weight)


def test_what_runs_as_torchs_class_is_written_as_it_and_nothing_else_is(traced):
    for name, plan, row in traced:
        written = row_of(SOURCE, plan) is not None
        runs = row.refuses_to_run(plan) is None
        if row.written:
            assert written == (runs or bool(row.differs(plan))), name
        else:
            assert not written, name


def test_no_two_weights_lie_in_one_place(traced):
    for name, plan, row in traced:
        if row.unsupported(plan) is not None:
            continue
        arrays = {weight: np.ones(spec.shape, "float32") for weight, spec in plan.weights.items()}
        code = row_of(SOURCE, plan)
        if code is None:
            continue
        made = code.arrays(plan, arrays)
        total = sum(float(value.sum()) for value in made.values())
        constant = sum(fixed.value * made[key].size for key, fixed in row.fixed_in(plan).items())
        assert total == sum(value.size for value in arrays.values()) + constant, name


HELPERS = (convolution.PAD_SAME, recurrent.HELD, attention.CAUSAL_MASK)


@pytest.mark.parametrize("helper", HELPERS, ids=lambda helper: helper.name)
def test_a_helper_is_printed_as_it_is(helper):
    known = {"torch": torch, "F": functional}
    exec(helper.text, known)
    inputs = {
        "pad_same": (torch.randn(2, 3, 7, 8), (3, 4), (2, 3)),
        "held": (torch.randn(2, 5, 3), torch.tensor([0, 4])),
        "causal_mask": (torch.randn(2, 3, 4), torch.randn(2, 5, 4)),
    }[helper.name]
    module = inspect.getmodule(helper.__wrapped__)
    assert torch.equal(known[helper.name](*inputs), getattr(module, helper.name)(*inputs))


def test_a_constant_that_somebody_trained_is_an_error():
    model = unidl.Sequential([layers.BatchNormalization(scale=False)]).build((3,), backend="torch")
    module = nn.BatchNorm1d(3)
    names = {"": "batch_normalization"}
    unidl.load_weights(model, module.state_dict(), names=names)
    with torch.no_grad():
        module.weight.fill_(2.0)
    with pytest.raises(FileError, match=r"'weight'"):
        unidl.load_weights(model, module.state_dict(), names=names)


def test_what_is_fixed_does_not_train():
    model = unidl.Sequential([layers.BatchNormalization(scale=False), layers.LayerNormalization(scale=False)])
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    unidl.Trainer(model, loss="mse", backend="torch").fit(x, x + 1, epochs=2, progress=False)
    for module in model.native.children():
        assert not module.weight.requires_grad
        assert bool((module.weight == 1).all())
        assert bool((module.bias != 0).any())


class Bilinear(unidl.Layer):
    def __init__(self, units):
        self.units = units

    def setup(self, shape):
        self.add_weight("kernel", (shape[-1], shape[-1], self.units))

    def forward(self, x):
        return unidl.ops.einsum("bi,iju,bj->bu", x, self.kernel, x)


def test_a_row_serves_a_users_own_layer(monkeypatch):
    monkeypatch.setattr(lowering, "ADDED", dict(lowering.ADDED))
    monkeypatch.setattr("unidl.codegen.native.ADDED", lowering.ADDED)
    row = Native(
        "nn.Bilinear",
        {
            "in1_features": length("kernel", 0),
            "in2_features": length("kernel", 1),
            "out_features": "units",
            "bias": (False,),
        },
        {"kernel": Tie("weight", "u i j -> i j u")},
        positional=3,
        call=lambda layer, native, x: native(x, x),
    )
    assert unidl.lowering(Bilinear, "torch")(row) is row
    proofs = unidl.testing.check_layer(Bilinear(3), (4, 5), backends=["torch"])
    assert {proof.native for proof in proofs} == {"torch.nn.Bilinear"}
    text = unidl.source(unidl.Sequential([unidl.Input((5,)), Bilinear(3)]), "torch")
    assert "self.bilinear = nn.Bilinear(5, 5, 3, bias=False)" in text
    assert "return self.bilinear(x, x)" in text
    unidl.lowering(Bilinear, "tensorflow")(row)
    with pytest.raises(ArgumentError, match="makes no lowering of a row"):
        unidl.Sequential([Bilinear(3)]).build((5,), backend="tensorflow")


def test_gates_in_another_order_are_trained_saved_and_read(tmp_path):
    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
    y = np.zeros((4, 2), "float32")
    model = unidl.Sequential([layers.GRU(2)]).build((5, 3), backend="torch", seed=1)
    module = nn.GRU(3, 2, batch_first=True)
    unidl.load_weights(model, module.state_dict(), names={"": "gru"})
    np.testing.assert_allclose(model.predict(x), module(torch.from_numpy(x))[1][0].detach().numpy(), atol=1e-6)
    written = dict(model.weights())
    model.set_weights({key: value + 1 for key, value in written.items()})
    model.set_weights(written)
    np.testing.assert_allclose(model.predict(x), module(torch.from_numpy(x))[1][0].detach().numpy(), atol=1e-6)
    trainer = unidl.Trainer(model, loss="mse", optimizer="adam")
    trainer.fit(x, y, epochs=2, progress=False)
    trainer.save(tmp_path / "here")
    trainer.fit(x, y, epochs=2, progress=False, shuffle=False)
    again = unidl.Trainer(
        unidl.Sequential([layers.GRU(2)]).build((5, 3), backend="torch", seed=2), loss="mse", optimizer="adam"
    )
    again.restore(tmp_path / "here")
    again.fit(x, y, epochs=2, progress=False, shuffle=False)
    np.testing.assert_allclose(again.model.predict(x), model.predict(x), atol=1e-6)
