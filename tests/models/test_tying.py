"""A weight of a layer is read in another forward: one weight, whose gradients are summed, everywhere."""

import copy

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import unidl
from tests.conformance.case import ENGINE
from tests.conformance.layer_cases import CASES
from tests.models.tied import ROWS, TIED, LanguageModel, built
from unidl import layers, ops
from unidl.description.trace import Tracer
from unidl.errors import NotCalledError
from unidl.graph.node import leaves
from unidl.models.input import to_specs

every_case = pytest.mark.parametrize("tied", TIED.values(), ids=TIED)


def numerically(tied, weights, y):
    """The gradient of mean((model(x) - y)^2), by central differences of the reference."""

    def loss(w):
        return np.mean(np.square(tied.reference(w, tied.x) - y))

    found = {}
    for path, weight in weights.items():
        gradient = found[path] = np.zeros_like(weight)
        for place in np.ndindex(weight.shape):
            moved = {sign: {**weights, path: weight.copy()} for sign in (1, -1)}
            for sign, w in moved.items():
                w[path][place] += sign * 1e-5
            gradient[place] = (loss(moved[1]) - loss(moved[-1])) / 2e-5
    return found


@every_case
def test_values_gradients_and_a_step_are_the_references(tied, backend):
    model = built(tied, backend)
    before = model.weights()
    right = tied.reference(before, tied.x)
    np.testing.assert_allclose(model.predict(tied.x), right, rtol=1e-9, atol=1e-9)
    y = np.random.default_rng(2).normal(size=right.shape)
    gradients = numerically(tied, before, y)
    trainer = unidl.Trainer(model, loss="mse", optimizer=unidl.optimizers.SGD(0.1))
    trainer.fit(tied.x, y, batch_size=len(y), progress=False)
    for path, after in model.weights().items():
        np.testing.assert_allclose(before[path] - after, 0.1 * gradients[path], rtol=1e-4, atol=1e-7, err_msg=path)


@every_case
def test_it_survives_what_a_model_survives(tied, backend, tmp_path):
    model = built(tied, backend, "float32")
    right, paths = model.predict(tied.x), set(model.weights())
    model.save(tmp_path / "m.unidl")
    others = {
        "copy": model.copy(),
        "deepcopy": copy.deepcopy(model),
        "file": unidl.load(tmp_path / "m.unidl", backend=backend),
        **{name: unidl.convert(model, name) for name in ("torch", "tensorflow", "keras")},
    }
    for how, other in others.items():
        assert set(other.weights()) == paths, how
        np.testing.assert_allclose(other.predict(tied.x), right, rtol=1e-5, atol=1e-5, err_msg=how)
        moved = {tied.read: other.weights()[tied.read] * 2}
        before = other.predict(tied.x)
        other.set_weights(moved, partial=True)
        assert np.abs(other.predict(tied.x) - before).max() > 1e-3, f"{how}: the weight that is read is another copy"


@every_case
def test_a_frozen_weight_rests_whoever_reads_it(tied, backend):
    model = built(tied, backend, "float32")
    model.freeze(tied.read.rpartition("/")[0])
    before = model.weights()
    y = np.ones_like(model.predict(tied.x))
    unidl.Trainer(model, loss="mse", optimizer=unidl.optimizers.SGD(0.1)).fit(tied.x, y, progress=False)
    after = model.weights()
    np.testing.assert_array_equal(after[tied.read], before[tied.read])
    assert any(np.abs(after[path] - before[path]).max() > 0 for path in before)


def test_portable_random_numbers_and_parts(backend):
    tied = TIED["autoencoder"]
    model = built(tied, backend, random="portable")
    before = model.weights()
    np.testing.assert_allclose(model.predict(tied.x), tied.reference(before, tied.x), rtol=1e-9)
    language = built(TIED["language model"], backend)
    gradients = unidl.grad(lambda: ops.sum(language(TIED["language model"].x)), of=language)()
    assert set(gradients) == set(language.weights())
    inner = language.outputs_at("hidden").predict(TIED["language model"].x)["hidden"]
    w = language.weights()
    right = np.tanh(w["embedding/embeddings"][TIED["language model"].x] @ w["hidden/kernel"] + w["hidden/bias"])
    np.testing.assert_allclose(inner, right, rtol=1e-9)


@pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning")  # torch's own code generator uses it
@pytest.mark.parametrize("name", ["language model", "autoencoder"])
def test_the_compiler_sees_one_weight(name, backend):
    if backend == "keras" and ENGINE == "torch":
        pytest.skip("a Keras training step on the engine torch cannot be compiled")
    tied = TIED[name]
    curves = []
    for jit in (False, True):
        model = built(tied, backend, "float32")
        trainer = unidl.Trainer(model, loss="mse", optimizer=unidl.optimizers.SGD(0.1), jit=jit)
        y = np.ones_like(model.predict(tied.x))
        curves.append(trainer.fit(tied.x, y, epochs=3, batch_size=2, progress=False)["loss"])
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-4)


class Norm(unidl.Model):
    """A state is read before and after it moves."""

    def __init__(self):
        self.norm = layers.BatchNormalization(momentum=0.5)
        self.out = layers.Dense(1)

    def forward(self, x):
        y = self.norm(x)
        once = self.norm.moving_mean
        y = self.norm(y + 1.0)
        return self.out(y) * 0.0 + ops.sum(once) + 10.0 * ops.sum(self.norm.moving_mean)


def test_a_state_is_read_as_it_is_at_that_moment(backend):
    model = Norm().build((6,), backend=backend)
    x = ROWS.astype("float32")
    y = unidl.to_numpy(model(x, training=True))
    first = 0.5 * x.mean(0)  # of a moving mean of zeros
    normal = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
    second = 0.5 * first + 0.5 * (normal + 1.0).mean(0)
    np.testing.assert_allclose(y, np.full_like(y, first.sum() + 10.0 * second.sum()), rtol=1e-4)


# -- every layer, every weight, wherever it lies -------------------------------------------------------------------------------


class Reader(unidl.Model):
    """A layer's first output, and the squares of its weights."""

    def __init__(self, layer, named, weights):
        self.layer, self.named, self.weights_read = layer, named, weights

    def forward(self, *inputs):
        count = len(inputs) - len(self.named)
        y = self.layer(*inputs[:count], **dict(zip(self.named, inputs[count:], strict=True)))
        return {
            "": next(iter(leaves(y))),
            **{name: ops.square(getattr(self.layer, name)) for name in self.weights_read},
        }


def _cases():
    """One of each way in which a layer with weights is configured; the arguments that change no weight are left out."""
    found = {}
    for case in CASES:
        inputs = (*case.inputs, *case.named.values())
        if case.options or not all(isinstance(array, np.ndarray) for array in inputs):
            continue
        specs, named = to_specs(case.inputs, "float32"), to_specs(dict(case.named), "float32")
        weights = {n: w.shape for n, w in Tracer().trace(case.layer, specs, named).weights.items()}
        if weights:
            found.setdefault(
                (type(case.layer), tuple(weights), tuple(map(len, weights.values()))), (case, list(weights))
            )
    return {case.id: (case, weights) for case, weights in found.values()}


@pytest.mark.parametrize(("case", "weights"), _cases().values(), ids=_cases())
def test_every_weight_of_every_layer_is_read_in_its_canonical_layout(case, weights, backend):
    inputs = (*case.inputs, *case.named.values())
    model = Reader(copy.deepcopy(case.layer), list(case.named), weights).build(*inputs, backend=backend)
    found, right = model.predict(*inputs), model.weights()
    for name in weights:
        np.testing.assert_allclose(found[name], np.square(right[f"layer/{name}"]), rtol=1e-6, err_msg=name)


class Nest(unidl.Model):
    """Layers in any nest; the kernel of one of them is read."""

    def __init__(self, nest, keys):
        self.nest, self.keys = nest, keys

    def forward(self, x):
        for layer in leaves(self.nest):
            x = layer(x)
        held = self.nest
        for key in self.keys:
            held = held[key]
        return ops.matmul(x, held.kernel)


NESTS = st.recursive(
    st.builds(layers.Dense, st.just(3)),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.lists(inner, min_size=1, max_size=2).map(tuple)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, min_size=1, max_size=3)
    ),
    max_leaves=5,
)


def _places(nest, above=()):
    if isinstance(nest, layers.Layer):
        return [above]
    pairs = nest.items() if isinstance(nest, dict) else enumerate(nest)
    return [place for key, item in pairs for place in _places(item, (*above, key))]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])  # the backend is only a name
@given(nest=NESTS, chosen=st.integers(0, 10**6))
def test_it_is_found_in_any_nest(backend, nest, chosen):
    places = _places(nest)
    keys = places[chosen % len(places)]
    model = Nest(nest, keys).build((3,), backend=backend)
    x, w = ROWS[:, :3].astype("float32"), model.weights()
    y = x
    for place in places:
        path = "/".join(map(str, ("nest", *place)))
        y = y @ w[f"{path}/kernel"] + w[f"{path}/bias"]
    right = y @ w["/".join(map(str, ("nest", *keys, "kernel")))]
    np.testing.assert_allclose(model.predict(x), right, rtol=1e-4, atol=1e-5)


# -- where there is nothing to read -------------------------------------------------------------------------------------------


class TooEarly(unidl.Model):
    def __init__(self):
        self.hidden = layers.Dense(3)

    def forward(self, x):
        return ops.matmul(x, self.hidden.kernel) + self.hidden(x)


def test_a_weight_has_no_shape_before_the_first_call(backend):
    with pytest.raises(NotCalledError, match="Dense 'hidden' was asked for its 'kernel' before it was called"):
        TooEarly().build((3,), backend=backend)


def test_outside_a_forward_the_error_names_the_way(backend):
    model = LanguageModel()
    with pytest.raises(AttributeError, match="no attribute 'embeddings'"):
        _ = model.embedding.embeddings
    model.build(unidl.Input((3,), dtype="int64"), backend=backend)
    with pytest.raises(NotCalledError, match=r"model.weights\(\)\['embedding/embeddings'\]"):
        _ = model.embedding.embeddings


def test_a_weight_of_a_model_that_is_built_can_be_read_in_another(backend):
    first = built(TIED["autoencoder"], backend, "float32")

    class Second(unidl.Model):
        def __init__(self):
            self.encoder = first.encoder

        def forward(self, x):
            return ops.matmul(x, self.encoder.kernel)

    second = Second().build((6,), backend=backend)
    x = ROWS.astype("float32")
    np.testing.assert_allclose(second.predict(x), x @ first.weights()["encoder/kernel"], rtol=1e-5, atol=1e-6)
