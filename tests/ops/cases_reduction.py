"""Cases of reductions and products."""

import numpy as np

from tests.ops.case import Case

rng = np.random.default_rng(3)
X = rng.normal(size=(3, 4))
CUBE = rng.normal(size=(2, 3, 4))
INTEGERS = np.array([[3, -1, 0], [2, 2, 5]], dtype="int32")
TRUTH = np.array([[True, False], [True, True]])
TIED = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
EQUAL = np.full((2, 3), 1.5)
ZEROS = np.zeros((2, 3))
WITH_ZERO = np.array([[2.0, 0.0, 3.0, 4.0], [0.0, 5.0, 0.0, 2.0]])


def norm(x, axis=None, keepdims=False):
    return np.sqrt(np.square(x).sum(axis, keepdims=keepdims))


def count_nonzero(x, axis=None, keepdims=False):
    return np.count_nonzero(x, axis=axis, keepdims=keepdims)


FUNCTIONS = {
    "sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "prod": np.prod, "var": np.var, "std": np.std, "norm": norm,
}  # fmt: skip
WAYS = [{}, {"axis": 1}, {"axis": -3}, {"axis": (0, -1)}, {"axis": 0, "keepdims": True}, {"keepdims": True}]

REDUCTION = [
    *(Case(name, (CUBE,), function, way) for name, function in FUNCTIONS.items() for way in WAYS),
    *(
        Case(name, (np.array(-1.5),), function, gradient=name not in ("var", "std"), note="scalar")
        for name, function in FUNCTIONS.items()
    ),
    *(Case(name, (INTEGERS,), function, gradient=False, note="integers") for name, function in FUNCTIONS.items()),
    *(Case("count_nonzero", (CUBE.round(),), count_nonzero, way, gradient=False) for way in WAYS),
    *(Case("argmax", (CUBE,), np.argmax, way, gradient=False) for way in WAYS if way.get("axis") != (0, -1)),
    *(Case("argmin", (CUBE,), np.argmin, way, gradient=False) for way in WAYS if way.get("axis") != (0, -1)),
    Case("sum", (TRUTH,), np.sum, gradient=False, note="bool"),
    Case("mean", (TRUTH,), np.mean, gradient=False, note="bool"),
    Case("any", (TRUTH,), np.any, {"axis": 0}, gradient=False),
    Case("all", (TRUTH,), np.all, {"axis": 0, "keepdims": True}, gradient=False),
    Case("any", (INTEGERS,), np.any, {"axis": (0, 1)}, gradient=False, note="integers"),
    Case("all", (INTEGERS,), np.all, {"axis": 0}, gradient=False, note="integers"),
    Case("cumsum", (X,), np.cumsum, {"axis": 0}),
    Case("cumsum", (CUBE,), np.cumsum, {"axis": -2}),
    Case("cumsum", (TRUTH,), np.cumsum, {"axis": 0}, gradient=False, note="bool"),
    Case("cumprod", (X,), np.cumprod, {"axis": 0}),
    Case("cumprod", (CUBE,), np.cumprod, {"axis": -1}),
    Case("cumprod", (INTEGERS,), np.cumprod, {"axis": 1}, gradient=False, note="integers"),
]

# ties, equal elements and zeros: semantics.md, 7
SINGULAR = [
    Case("max", (TIED,), np.max, {"axis": 1}, gradient=[np.array([[0, 0.5, 0.5], [1 / 3] * 3])], note="tie"),
    Case("min", (TIED,), np.min, {"axis": 1}, gradient=[np.array([[1, 0, 0], [1 / 3] * 3])], note="tie"),
    Case("max", (TIED,), np.max, gradient=[np.array([[0, 0.5, 0.5], [0, 0, 0]])], note="tie of all"),
    Case(
        "max",
        (TIED,),
        np.max,
        {"axis": (0, 1)},
        gradient=[np.array([[0, 0.5, 0.5], [0, 0, 0]])],
        note="tie over two axes",
    ),
    Case("argmax", (TIED,), np.argmax, {"axis": 1}, gradient=False, note="tie"),
    Case("argmin", (TIED,), np.argmin, {"axis": 1}, gradient=False, note="tie"),
    Case("norm", (ZEROS,), norm, {"axis": 1}, gradient=[ZEROS], note="at 0"),
    Case("norm", (ZEROS,), norm, gradient=[ZEROS], note="of all at 0"),
    Case("std", (EQUAL,), np.std, {"axis": 1}, gradient=[ZEROS], note="of equals"),
    Case("var", (EQUAL,), np.var, {"axis": 1}, gradient=[ZEROS], note="of equals"),
    Case("prod", (WITH_ZERO,), np.prod, {"axis": 1}, note="zeros"),
    Case("cumprod", (WITH_ZERO,), np.cumprod, {"axis": 1}, note="zeros"),
    Case("norm", (np.array([np.nan, 1.0]),), norm, gradient=False, note="NaN"),
    Case("std", (np.array([np.nan, 1.0]),), np.std, gradient=False, note="NaN"),
    Case("sum", (np.zeros((0, 3)),), np.sum, {"axis": 0}, gradient=False, note="empty"),
    Case("prod", (np.zeros((0, 3)),), np.prod, {"axis": 0}, gradient=False, note="empty"),
]

A = rng.normal(size=(3, 4))
B = rng.normal(size=(4, 5))
BATCH = rng.normal(size=(2, 1, 3, 4))
BATCH_B = rng.normal(size=(6, 4, 5))
VECTOR = rng.normal(size=(4,))


def einsum(equation, *operands):
    return np.einsum(equation, *operands)


PRODUCTS = [
    Case("matmul", (A, B), np.matmul),
    Case("matmul", (A, VECTOR), np.matmul),
    Case("matmul", (VECTOR, B), np.matmul),
    Case("matmul", (VECTOR, VECTOR), np.matmul),
    Case("matmul", (BATCH, BATCH_B), np.matmul),
    Case("matmul", (BATCH, B), np.matmul),
    Case("matmul", (BATCH, VECTOR), np.matmul),
    Case("matmul", (VECTOR, BATCH_B), np.matmul),
    Case("matmul", (INTEGERS, INTEGERS.T.copy()), np.matmul, gradient=False, note="integers"),
    Case("einsum", ("ij,jk->ik", A, B), einsum),
    Case("einsum", ("ij->ji", A), einsum),
    Case("einsum", ("ij->", A), einsum),
    Case("einsum", ("i,j->ij", VECTOR, VECTOR), einsum),
    Case("einsum", ("...ij,...jk->...ik", BATCH, BATCH_B), einsum),
    Case("einsum", ("b h i j, c j k -> b c i k", BATCH, BATCH_B), einsum),
    Case("dot", (VECTOR, VECTOR), np.dot),
    Case("outer", (VECTOR, A[0]), np.outer),
    Case("tensordot", (CUBE, CUBE.transpose(1, 2, 0).copy()), lambda x, y: np.tensordot(x, y, 2)),
    Case("tensordot", (CUBE, A), lambda x, y, axes: np.tensordot(x, y, axes), {"axes": ((1, -1), (0, 1))}),
    Case("tensordot", (VECTOR, VECTOR), lambda x, y, axes: np.tensordot(x, y, axes), {"axes": 0}),
]

CASES = REDUCTION + SINGULAR + PRODUCTS
