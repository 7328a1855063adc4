"""A tie reads what it writes, keeps its hands off the rest, and serves gradients; NumPy, ops and torch agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unidl
from unidl import ops
from unidl.backends import registry
from unidl.native.tie import NUMPY, Tie
from unidl.ops.op import running

GATES = {"g": ("rzn", "zrn")}
TIES = {
    "as it is": (Tie("bias"), (6,)),
    "transposed": (Tie("weight", "o i -> i o"), (4, 3)),
    "a convolution's kernel": (Tie("weight", "o i h w -> h w i o"), (3, 2, 4, 5)),
    "a third of a packed matrix": (Tie("in_proj_weight", "(p n k) f -> f n k", at={"p": (1, 3)}), (6, 2, 3)),
    "a third of a packed bias": (Tie("in_proj_bias", "(p n k) -> n k", at={"p": (2, 3)}), (2, 3)),
    "heads": (Tie("out_proj.weight", "o (n k) -> n k o"), (2, 3, 6)),
    "one of two biases": (Tie("bias", "s g -> g", at={"s": (1, 2)}), (6,)),
    "gates in another order": (Tie("weight_ih_l0", "(g u) i -> i (g u)", order=GATES), (5, 6)),
    "a bias' gates": (Tie("bias_ih_l0", "(g u) -> (g u)", order=GATES), (6,)),
}


@pytest.fixture(params=TIES)
def tied(request):
    return TIES[request.param]


def drawn(*shape):
    return np.random.default_rng(0).normal(size=shape)


def test_what_is_written_is_read_and_the_rest_stays(tied):
    tie, shape = tied
    native, value = drawn(*tie.native_shape(shape)), drawn(*shape)
    before = native.copy()
    tie.write(native, value)
    np.testing.assert_array_equal(tie.read(native, shape, NUMPY), value)
    assert (native != before).sum() <= value.size
    kept = native.size - value.size
    assert (native == before).sum() >= kept


def test_a_view_writes_through(tied):
    tie, shape = tied
    native = drawn(*tie.native_shape(shape))
    read = tie.read(native, shape, NUMPY)
    assert np.shares_memory(read, native) == tie.is_view


def test_reading_is_linear_so_it_serves_gradients(tied):
    tie, shape = tied
    a, b = (drawn(*tie.native_shape(shape)) for _ in range(2))
    whole = tie.read(2 * a - b, shape, NUMPY)
    np.testing.assert_allclose(whole, 2 * tie.read(a, shape, NUMPY) - tie.read(b, shape, NUMPY))


def test_ops_read_as_numpy_does(tied, backend):
    tie, shape = tied
    native = drawn(*tie.native_shape(shape)).astype("float32")
    with running(registry.load(backend)):
        read = unidl.to_numpy(tie.read(ops.tensor(native), shape))
    np.testing.assert_array_equal(read, tie.read(native, shape, NUMPY))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2))
def test_any_lengths(heads, width, features, part):
    tie = Tie("in_proj_weight", "(p n k) f -> f n k", at={"p": (part, 3)})
    shape = (features, heads, width)
    native, value = np.zeros(tie.native_shape(shape)), drawn(*shape)
    tie.write(native, value)
    np.testing.assert_array_equal(tie.read(native, shape, NUMPY), value)
    assert np.count_nonzero(native) == value.size


@pytest.mark.parametrize(
    ("pattern", "more"),
    [
        ("o i -> i", {}),
        ("o i -> i o p", {}),
        ("o o -> o", {}),
        ("p o -> o", {"at": {"q": (0, 2)}}),
        ("(g u) -> (g u)", {"order": {"g": ("rzn", "zr")}}),
        ("(g u) -> (g u)", {"order": {"h": ("rzn", "zrn")}}),
    ],
)
def test_a_pattern_whose_axes_do_not_match_is_an_error(pattern, more):
    with pytest.raises(ValueError, match=r"axes|order"):
        Tie("weight", pattern, **more)


def test_shapes_that_do_not_fit_are_an_error():
    tie = Tie("in_proj_weight", "(p n k) f -> f n k", at={"p": (1, 3)})
    with pytest.raises(ValueError, match="shapes"):
        tie.write(np.zeros((7, 2)), np.zeros((2, 2, 2)))
