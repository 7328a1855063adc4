"""What the tests of sentences share."""

import re

import numpy as np
import pytest

import unidl
from unidl import Sequential, layers


@pytest.fixture
def refused():
    """Call a function, expect a typed error with exactly this text; "…" in the text stands for anything."""

    def check(kind, text, function, *args, **kwargs):
        with pytest.raises(kind) as caught:
            function(*args, **kwargs)
        assert isinstance(caught.value, unidl.UnidlError)
        pattern = ".*".join(re.escape(part) for part in text.strip("\n").split("…"))
        assert re.fullmatch(pattern, str(caught.value), re.DOTALL), str(caught.value)

    return check


@pytest.fixture
def model(backend):
    """A built model of one layer, (batch, 3) -> (batch, 4); at the end of the test its weights are as they were."""
    built = Sequential([layers.Dense(4)]).build((3,), backend=backend)
    before = built.weights()
    yield built
    after = built.weights()
    assert list(after) == list(before)
    for path, value in before.items():
        np.testing.assert_array_equal(after[path], value)
    assert built.backend == backend
    assert built.predict(np.ones((2, 3), "float32")).shape == (2, 4)
