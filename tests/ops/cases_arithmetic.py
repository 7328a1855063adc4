"""Cases of arithmetic and comparison."""

import math

import numpy as np

from tests.ops.case import Case

rng = np.random.default_rng(1)
X = rng.normal(size=(3, 4))
Y = rng.normal(size=(3, 4))
ROW = rng.normal(size=(4,))
POSITIVE = rng.uniform(0.1, 3, size=(3, 4))
SCALAR = np.array(0.7)
INTEGERS = np.array([[-7, -3, 0], [2, 5, 7]])
TRUTH = np.array([[True, False, True, False]] * 3)
ODD = np.array([np.nan, np.inf, -np.inf, 0.0, 1.0])
HALVES = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4999])
TIED = np.array([1.0, 2.0, 3.0])
ZERO = np.zeros(2)

erf = np.vectorize(math.erf, otypes=[float])

UNARY = [
    Case("negative", (X,), np.negative),
    Case("abs", (X,), np.abs),
    Case("sign", (X,), np.sign),
    Case("square", (X,), np.square),
    Case("sqrt", (POSITIVE,), np.sqrt),
    Case("rsqrt", (POSITIVE,), lambda x: 1 / np.sqrt(x)),
    Case("reciprocal", (POSITIVE,), np.reciprocal),
    Case("exp", (X,), np.exp),
    Case("expm1", (X * 1e-3,), np.expm1),
    Case("log", (POSITIVE,), np.log),
    Case("log1p", (POSITIVE * 1e-3,), np.log1p),
    Case("sin", (X,), np.sin),
    Case("cos", (X,), np.cos),
    Case("tan", (X / 2,), np.tan),
    Case("tanh", (X,), np.tanh),
    Case("floor", (X,), np.floor),
    Case("ceil", (X,), np.ceil),
    Case("round", (HALVES,), np.round, gradient=[np.zeros(7)], note="halves to even"),
    Case("erf", (X,), erf),
    Case("clip", (X, -0.5, 0.5), np.clip),
    Case("clip", (X,), lambda x, low: np.maximum(x, low), {"low": 0.1}),
    Case("clip", (X,), lambda x, high: np.minimum(x, high), {"high": 0.1}),
    Case("cast", (HALVES[:-1], "float64"), lambda x, _: x, gradient=False),
    Case("cast", (np.array([-1.7, -0.2, 0.0, 1.7]), "int32"), lambda x, _: np.trunc(x), gradient=False),
    Case("cast", (np.array([-1.7, -0.2, 0.0, 1.7]), "bool"), lambda x, _: x != 0, gradient=False),
]

BINARY = [
    Case("add", (X, Y), np.add),
    Case("add", (X, ROW), np.add),
    Case("add", (X, 2), np.add, note="number"),
    Case("add", (2.5, X), np.add, note="number first"),
    Case("subtract", (X, SCALAR), np.subtract),
    Case("subtract", (1, X), np.subtract, note="number first"),
    Case("multiply", (X[:, None], Y), np.multiply),
    Case("multiply", (X, -3), np.multiply, note="number"),
    Case("divide", (X, POSITIVE), np.divide),
    Case("divide", (1, POSITIVE), np.divide, note="number first"),
    Case("divide", (INTEGERS, 4), np.divide, note="integers", gradient=False),
    Case("floor_divide", (X, POSITIVE), np.floor_divide),
    Case("floor_divide", (INTEGERS, 3), np.floor_divide, note="integers", gradient=False),
    Case("floor_divide", (INTEGERS, -3), np.floor_divide, note="integers", gradient=False),
    Case("mod", (X, POSITIVE), np.mod),
    Case("mod", (X, -0.3), np.mod, note="negative"),
    Case("mod", (INTEGERS, 3), np.mod, note="integers", gradient=False),
    Case("mod", (INTEGERS, -3), np.mod, note="negative integers", gradient=False),
    Case("power", (POSITIVE, X), np.power),
    Case("power", (X, 3), np.power, note="number"),
    Case("power", (2, X), np.power, note="number first"),
    Case("power", (INTEGERS, 2), np.power, note="integers", gradient=False),
    Case("maximum", (X, Y), np.maximum),
    Case("maximum", (X, 0.1), np.maximum, note="number"),
    Case("maximum", (INTEGERS, 1), np.maximum, note="integers", gradient=False),
    Case("minimum", (X, ROW), np.minimum),
    Case("minimum", (0.1, X), np.minimum, note="number first"),
    Case("where", (TRUTH, X, Y), np.where),
    Case("where", (TRUTH, X, 0.5), np.where, note="number"),
    Case("where", (TRUTH[:1], 1.0, 0.0), np.where, note="numbers", gradient=False),
    Case("where", (np.array(True), X, ROW), np.where, note="scalar condition"),
]

COMPARISON = [
    *(
        Case(name, (X.round(), Y.round()), function, gradient=False)
        for name, function in {
            "equal": np.equal, "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal,
            "greater": np.greater, "greater_equal": np.greater_equal,
        }.items()
    ),
    *(
        Case(name, (TRUTH, ~TRUTH[:, :1]), function, gradient=False, note="bool")
        for name, function in {
            "equal": np.equal, "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal,
            "greater": np.greater, "greater_equal": np.greater_equal, "logical_and": np.logical_and,
            "logical_or": np.logical_or, "logical_xor": np.logical_xor,
        }.items()
    ),
    Case("less", (INTEGERS, 2.5), np.less, gradient=False, note="integers and a float"),
    Case("logical_not", (TRUTH,), np.logical_not, gradient=False),
    Case("isnan", (ODD,), np.isnan, gradient=False),
    Case("isinf", (ODD,), np.isinf, gradient=False),
    Case("isfinite", (ODD,), np.isfinite, gradient=False),
    Case("isnan", (INTEGERS,), np.isnan, gradient=False, note="integers"),
]  # fmt: skip

BITS = np.array([[0x7FFFFFFFFFFFFFFF, -(2**63), -1], [0xFFFFFFFF, 0xDEADBEEF, 6]])
PLACES = np.array([0, 3, 31])

BITWISE = [
    *(
        Case(name, args, function, gradient=False, note=note)
        for name, function in {
            "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
        }.items()
        for note, args in {
            "": (BITS, BITS[::-1].copy()), "mask": (BITS, 0xFFFFFFFF), "number first": (-8, BITS),
            "small": (BITS.astype("int8"), np.array([7, -7, 3], "int8")),
        }.items()
    ),
    Case("left_shift", (BITS, PLACES), np.left_shift, gradient=False),
    Case("left_shift", (BITS, 32), np.left_shift, gradient=False, note="number"),
    Case("right_shift", (BITS, PLACES), np.right_shift, gradient=False),
    Case("right_shift", (BITS, 32), np.right_shift, gradient=False, note="the sign stays"),
    Case("right_shift", (1 << 20, PLACES), np.right_shift, gradient=False, note="number first"),
]  # fmt: skip

# ties, kinks and poles: semantics.md, 7
SINGULAR = [
    Case("maximum", (TIED, TIED), np.maximum, gradient=[np.full(3, 0.5), np.full(3, 0.5)], note="tie"),
    Case("minimum", (TIED, TIED), np.minimum, gradient=[np.full(3, 0.5), np.full(3, 0.5)], note="tie"),
    Case("maximum", (TIED, 2.0), np.maximum, gradient=[np.array([0, 0.5, 1])], note="tie with a number"),
    Case(
        "maximum",
        (TIED, np.array(2.0)),
        np.maximum,
        gradient=[np.array([0, 0.5, 1]), np.array(1.5)],
        note="tie, broadcast",
    ),
    Case(
        "maximum",
        (np.array([np.nan, 1, np.inf]), np.array([1, np.nan, np.inf])),
        np.maximum,
        gradient=False,
        note="NaN",
    ),
    Case(
        "minimum",
        (np.array([np.nan, 1, -np.inf]), np.array([1, np.nan, -np.inf])),
        np.minimum,
        gradient=False,
        note="NaN",
    ),
    Case("clip", (TIED, 1.0, 3.0), np.clip, gradient=[np.ones(3)], note="on the bounds"),
    Case("abs", (ZERO,), np.abs, gradient=[ZERO], note="at 0"),
    Case("sign", (ZERO,), np.sign, gradient=[ZERO], note="at 0"),
    Case("sqrt", (ZERO,), np.sqrt, gradient=[np.full(2, np.inf)], note="at 0"),
    Case("power", (ZERO, 2), np.power, gradient=[ZERO], note="at 0"),
    Case("power", (ZERO, 0), np.power, gradient=[ZERO], note="0 to the 0"),
    Case("power", (ZERO, np.full(2, 2.0)), np.power, gradient=[ZERO, ZERO], note="0 to a tensor"),
    Case("power", (ZERO, np.zeros(2)), np.power, gradient=[ZERO, None], note="0 to a tensor of 0"),
    Case(
        "floor_divide",
        (np.array([1.0, 7.0]), np.array([0.1, 2.0])),
        np.floor_divide,
        gradient=[ZERO, ZERO],
        note="rounded",
    ),
    Case(
        "floor_divide",
        (np.array([1.0, -1.0]), ZERO),
        lambda *_: np.array([np.inf, -np.inf]),
        gradient=False,
        note="by 0",
    ),
    Case(
        "where",
        (np.array([True, False]), ZERO, ZERO),
        np.where,
        gradient=[np.array([1, 0.0]), np.array([0, 1.0])],
        note="equal",
    ),
]

CASES = UNARY + BINARY + COMPARISON + BITWISE + SINGULAR
