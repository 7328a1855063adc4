"""Python control flow on tensors: what Python computes, or one typed error that names the line."""

import numpy as np
import pytest

import unidl
from tests.conformance.case import ENGINE
from tests.models.forms import FORMS, REFUSED, RIGHT, TYPED, Holder
from unidl import layers, ops
from unidl.errors import NotPortableError

INPUTS = [np.random.default_rng(0).normal(size=(2, 3)).astype("float32") + shift for shift in (1.0, -1.0, 5.0)]


def traces_a_graph(backend):
    return backend == "tensorflow" or (backend == "keras" and ENGINE == "tensorflow")


class Plain:
    """What the forms find on `self`, in NumPy's own numbers held by eager torch tensors."""

    def __init__(self, weights):
        import torch

        def dense(path):
            kernel, bias = (torch.from_numpy(weights[f"{path}/{name}"]) for name in ("kernel", "bias"))
            return lambda v: v @ kernel + bias

        known = {path.rpartition("/")[0] for path in weights}
        self.blocks = [dense(f"blocks/{i}") for i in range(2) if f"blocks/{i}" in known]
        self.heads = {key: dense(f"heads/{key}") for key in "ab" if f"heads/{key}" in known}

    def helper(self, v):
        return Holder.helper(self, v)


def python(form, x, weights):
    """What Python gives, run on eager tensors."""
    import torch

    with torch.no_grad():
        return form.forward(Plain(weights), torch.from_numpy(x)).numpy()


@pytest.mark.filterwarnings("ignore:AutoGraph could not transform")
@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_right_or_names_its_line(name, backend):
    form = FORMS[name]
    described = type(f"Form_{name}", (Holder,), {"forward": form.forward})()
    if form.outcome == REFUSED:
        with pytest.raises(NotPortableError):
            described.build((3,), backend=backend)
        return
    model = described.build((3,), backend=backend, seed=1)
    if form.outcome == TYPED and traces_a_graph(backend):
        with pytest.raises(NotPortableError, match=r"forms.py, line \d+: `") as told:
            model.predict(INPUTS[0])
        for op in ("ops.while_loop", "ops.cond", "ops.scan"):
            assert op in told.value.fix
        return
    assert form.outcome in (RIGHT, TYPED)
    for x in INPUTS:
        np.testing.assert_allclose(model.predict(x), python(form, x, model.weights()), rtol=1e-4, atol=1e-4)


def unfinished(targets, predictions):
    value = ops.mean(ops.square(targets - predictions))
    if value > 1.0:
        return value * 2.0
    return value


class Step(unidl.Trainer):
    def training_step(self, batch):
        x, y = batch
        loss = self.minimize(lambda: ops.mean(ops.square(self.model(x) - y)))
        if loss > 1e9:
            loss = loss * 2.0
        return loss


@pytest.mark.parametrize("where", ["loss", "metric", "training_step"])
def test_in_a_loss_a_metric_and_a_step_too(where, backend):
    model = unidl.Sequential([layers.Dense(1)]).build((3,), backend=backend)
    trainer = {
        "loss": lambda: unidl.Trainer(model, loss=unfinished),
        "metric": lambda: unidl.Trainer(model, loss="mse", metrics=[unidl.metrics.Mean(unfinished, name="own")]),
        "training_step": lambda: Step(model),
    }[where]()
    x = INPUTS[0]
    if not traces_a_graph(backend):
        trainer.fit(x, x[:, :1], progress=False)
        return
    with pytest.raises(NotPortableError, match=r"test_control_flow.py, line \d+: `if (value|loss) > "):
        trainer.fit(x, x[:, :1], progress=False)


def bent(v):
    if ops.sum(v) > 0:
        return v
    return v * 2.0


def test_a_function_that_a_layer_was_given_branches(backend):
    model = unidl.Sequential([layers.Dense(2, activation=bent), layers.Dense(2)]).build((3,), backend=backend)
    w = model.weights()
    for x in INPUTS:
        y = x @ w["dense/kernel"] + w["dense/bias"]
        y = y if y.sum() > 0 else y * 2.0
        np.testing.assert_allclose(model.predict(x), y @ w["dense_2/kernel"] + w["dense_2/bias"], rtol=1e-5, atol=1e-5)


def test_what_every_way_raises_is_raised_when_built(backend):
    class Never(unidl.Model):
        def forward(self, x):
            if ops.sum(x) > 0:
                raise ValueError("positive")
            raise ValueError("negative")

    with pytest.raises(ValueError, match="positive"):
        Never().build((3,), backend=backend)


def test_an_assertion_holds_or_ends_the_call(backend):
    class Asserts(unidl.Model):
        def __init__(self):
            self.out = layers.Dense(2)

        def forward(self, x):
            assert ops.max(ops.abs(x)) < 100.0, "too large"
            return self.out(x)

    model = Asserts().build((3,), backend=backend)
    assert model.predict(INPUTS[0]).shape == (2, 2)
    with pytest.raises(Exception, match="too large"):
        model.predict(INPUTS[0] + 200.0)
