"""The definitions themselves, against NumPy."""

import numpy as np
import pytest

from tests.conformance.case import trial
from tests.conformance.layer_cases import CASES
from tests.conformance.oracles import FUNCTIONS, ORACLES
from unidl import layers


def activations(layer):
    """Names of a layer's activations."""
    found = (vars(layer).get(name) for name in ("activation", "recurrent_activation"))
    return {function.__name__ for function in found if function is not None}


# the three activations that are not in NumPy's reach are proven as ops
WITH_ORACLE = {
    case.id: case for case in CASES if type(case.layer) in ORACLES and activations(case.layer) <= FUNCTIONS.keys()
}


def test_every_layer_has_an_oracle():
    assert {name for name in vars(layers) if isinstance(getattr(layers, name), type)} - {"Layer"} == {
        cls.__name__ for cls in ORACLES
    }


# torch's backend is the reference, so it is what the oracle is held against
@pytest.mark.parametrize("backend", ["torch"])
@pytest.mark.parametrize("name", WITH_ORACLE)
def test_definition(name, backend):
    case = WITH_ORACLE[name]
    run = trial(case)
    weights = {path.partition("/")[2]: value for path, value in run.weights.items()}
    expected = ORACLES[type(case.layer)](case.layer, weights, *case.inputs, **case.named, **case.options)
    expected = expected if isinstance(expected, tuple) else (expected,)
    outputs = [value for key, value in run.reference.items() if key in {f"output {i}" for i in range(len(expected))}]
    for right, value in zip(expected, outputs, strict=True):
        np.testing.assert_allclose(value, right, rtol=0, atol=1e-12 * max(1, np.abs(right).max()))
