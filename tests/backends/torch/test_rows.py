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
from unidl.backends.torch.layers import NATIVES, attention, convolution, recurrent
from unidl.backends.torch.source import SOURCE
from unidl.codegen.native import row_of
from unidl.errors import FileError

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
