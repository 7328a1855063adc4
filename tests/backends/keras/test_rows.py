"""Keras' rows: what they name is there, running, source code and a file follow one statement, and helpers are what is printed."""

import inspect

import numpy as np
import pytest

import unidl
from tests.conformance.case import trial
from tests.conformance.layer_cases import CASES
from unidl import layers
from unidl.backends.keras import vanilla
from unidl.backends.keras.engine import keras
from unidl.backends.keras.layers import CLASSES, NATIVES, recurrent
from unidl.backends.keras.native import keras_class, lowering_of, make, slot
from unidl.backends.keras.program import made_by
from unidl.backends.keras.source import SOURCE
from unidl.backends.keras.weight import TiedSlot
from unidl.codegen.native import row_of
from unidl.lazy_array import LazyArray
from unidl.native.helper import printed
from unidl.native.tie import Tie


@pytest.fixture(scope="module")
def traced():
    """A traced layer for each case of the conformance list that has a row."""
    found = []
    for case in CASES:
        model = trial(case).build("keras", "float32")
        found += [
            (case.id, plan, NATIVES[type(plan.layer)])
            for plan in model._unidl.built.plan.walk()
            if type(plan.layer) in NATIVES
        ]
    return found


def own(name):
    return CLASSES[name] if name in CLASSES else keras_class(name)


def test_arguments_are_parameters_of_the_class_and_what_is_tied_is_there(traced):
    for name, plan, row in traced:
        if row.unsupported(plan) is not None:
            continue
        cls = row.class_of(plan)
        assert set(row.given(plan)) <= set(SOURCE.defaults(cls)), name
        assert row.runs_as(plan) is None or issubclass(row.runs_as(plan), own(cls)), name
        if not row.weights:
            continue
        native = make(row, plan)
        if not native.built:
            native.build(plan.input_shapes[0])
        ties = {weight: tie for weight, (tie,) in row.ties(plan).items()}
        held = {id(slot(native, tie, plan.weights[w].shape).native) for w, tie in ties.items()}
        assert held == {id(variable) for variable in native.weights}, name
        paths = {SOURCE.tensor_name(row, plan, tie.native) for tie in ties.values()}
        assert paths == {variable.path.removeprefix(f"{native.name}/") for variable in native.weights}, name


def test_what_runs_as_kerass_class_is_written_as_it_and_stands_in_files(traced):
    for name, plan, row in traced:
        written = row_of(SOURCE, plan) is not None
        runs, differs = row.refuses_to_run(plan) is None, row.differs(plan)
        assert written == (runs or (bool(differs) and row.unsupported(plan) is None)), name
        beyond = {difference.kind for difference in differs} - {"training", "ties", "errors"}
        if not beyond and row.unsupported(plan) is None:
            assert vanilla.refuses(row, plan) is None, name


def test_kinds_of_differences_are_those_that_the_page_names(traced):
    kinds = {difference.kind for _, plan, row in traced for difference in row.differs(plan)}
    assert kinds <= {"training", "ties", "errors", "float64", "integers", "mask", "function"}


@pytest.mark.parametrize("helper", [recurrent.WITHIN, recurrent.FROM_STATE], ids=lambda helper: helper.name)
def test_a_helper_is_printed_as_it_is(helper):
    known = {"ops": keras.ops}
    exec(helper.text, known)
    mask = np.array([[False, True, False], [False, False, False]])
    state = np.full((2, 4), 9.0, "float32")
    inputs = {
        "within": [(np.ones((2, 3, 4), "float32"), np.array([0, 2]))],
        "from_state": [(np.ones(shape, "float32"), mask, state) for shape in ((2, 3, 4), (2, 4))],
    }[helper.name]
    module = inspect.getmodule(helper.__wrapped__)
    for given in inputs:
        ours, theirs = getattr(module, helper.name)(*given), known[helper.name](*given)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs))


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_that_is_printed_makes_itself(name):
    text = printed(CLASSES[name])
    assert "type: ignore" not in text
    assert "fmt:" not in text
    known = {"layers": keras.layers, "ops": keras.ops}
    exec(text, known)
    assert issubclass(known[name], CLASSES[name].__mro__[1])


def test_an_lstm_from_a_state_runs_as_kerass_where_a_mask_leaves_out_the_first_steps():
    x, mask = unidl.Input((4, 3)), unidl.Input((4,), dtype="bool")
    h, c = unidl.Input((5,)), unidl.Input((5,))
    layer = layers.LSTM(5, return_sequences=True, return_state=True, go_backwards=True)
    model = unidl.Model([x, mask, h, c], list(layer(x, initial_state=(h, c), mask=mask)))
    model.build(backend="keras", seed=1)
    assert model.lowering()[1].native == "keras.layers.LSTM"
    generator = np.random.default_rng(0)
    state = generator.normal(size=(2, 3, 5)).astype("float32")
    counts = np.array([[True, True, False, False], [False] * 4, [True] * 4])
    arrays = (generator.normal(size=(3, 4, 3)).astype("float32"), counts, *state)
    reference = unidl.convert(model, "tensorflow")
    for ours, theirs in zip(model.predict([*arrays]), reference.predict([*arrays]), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_integers_are_not_rounded_in_a_file_or_in_source():
    """Keras' LayerNormalization gives integers back for integers."""
    x = unidl.Input((4,), dtype="int32")
    model = unidl.Model(x, layers.LayerNormalization()(x)).build(backend="keras", seed=1)
    assert "layers.LayerNormalization" not in unidl.source(model, "keras")
    with pytest.raises(unidl.errors.ExportError, match="the input is int32"):
        unidl.export(model, "keras", "never.keras")


# -- a variable that holds two weights, as that of Keras' GRU ----------------------------------------------------------------


def test_two_weights_in_one_variable():
    layer = keras.layers.GRU(2)
    layer.build((None, 3, 4))
    first, second = (TiedSlot(layer, Tie("cell.bias", "s g -> g", at={"s": (n, 2)}), (6,)) for n in (0, 1))
    first.write(np.arange(6.0))
    second.fill(LazyArray((6,), "float32", lambda index: np.arange(6.0, 12.0, dtype="float32")[index]))
    assert first.shape == second.shape == (6,)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(first.native), np.arange(12.0).reshape(2, 6))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(second.read()), np.arange(6.0, 12.0))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(first.value()), np.arange(6.0))
    np.testing.assert_array_equal(second.canonical(np.arange(12.0).reshape(2, 6)), np.arange(6.0, 12.0))
    state = keras.Variable(np.zeros((2, 6)), dtype="float32")
    first.held(state).fill(LazyArray((6,), "float32", lambda index: np.ones(6, "float32")[index]))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(state), [[1.0] * 6, [0.0] * 6])
    assert first.held(state).shape == (6,)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(first.held(state).read()), np.ones(6))


def test_what_is_made_draws_nothing(traced):
    for name, plan, row in traced:
        if row.weights and row.unsupported(plan) is None and plan.calls:
            native = made_by(lowering_of(row), plan)
            for variable in native.weights:
                assert not np.any(keras.ops.convert_to_numpy(variable)), name


def test_weights_in_one_variable_train_as_apart():
    """An optimizer's kernel would step the variable of a GRU's two biases twice."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(8, 5, 4)).astype("float32")
    y = generator.normal(size=(8, 3)).astype("float32")
    found = []
    for backend in ("keras", "torch"):
        model = unidl.Sequential([layers.GRU(3)])
        unidl.Trainer(model, loss="mse", optimizer="sgd", backend=backend, seed=1).fit(x, y, epochs=2, progress=False)
        found.append(model.weights())
    for name, value in found[0].items():
        np.testing.assert_allclose(value, found[1][name], atol=1e-6)
