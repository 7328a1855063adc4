"""Cases of manipulation, padding, indexing and sorting."""

import numpy as np

from tests.ops.case import Case

rng = np.random.default_rng(3)
X = rng.normal(size=(3, 4))
CUBE = rng.normal(size=(2, 3, 4))
ONES = rng.normal(size=(2, 1, 3, 1))
INTEGERS = np.array([[3, 1, 2], [1, 3, 3]])
TIED = np.array([[1.0, 3.0, 3.0, 2.0, 3.0], [2.0, 2.0, 2.0, 2.0, 2.0]])
MANY_TIED = np.arange(200.0) % 3  # long enough for an unstable sort to show
TABLE = rng.normal(size=(5, 3))
CHOICE = np.array([[0, 4], [2, 2], [4, 1]])
LABELS = np.array([[0, 2, 1], [3, -1, 5]])  # two of no class

NUMPY_MODE = {
    "constant": "constant",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "replicate": "edge",
    "circular": "wrap",
}


def pad(x, widths, mode="constant", value=0.0):
    return np.pad(x, widths, NUMPY_MODE[mode], **({"constant_values": value} if mode == "constant" else {}))


def split(x, parts, axis=0):
    ends = parts if isinstance(parts, int) else np.cumsum(parts)[:-1]
    return list(np.split(x, ends, axis))


def unstack(x, axis=0):
    return [np.take(x, i, axis) for i in range(x.shape[axis])]


def order(x, axis=-1, descending=False):
    return np.argsort(-x if descending else x, axis, kind="stable")


def ordered(x, axis=-1, descending=False):
    return np.take_along_axis(x, order(x, axis, descending), axis)


def top_k(x, k):
    indices = order(x, descending=True)[..., :k]
    return [np.take_along_axis(x, indices, -1), indices]


def one_hot(indices, classes, axis=-1, dtype="float32"):
    return np.moveaxis(np.arange(classes) == indices[..., None], -1, axis).astype(dtype)


def dynamic_slice(x, starts, sizes):
    fitting = [min(max(int(s), 0), n - size) for s, n, size in zip(starts, x.shape, sizes, strict=True)]
    return x[tuple(slice(s, s + size) for s, size in zip(fitting, sizes, strict=True))]


def getitem(x, index):
    return x[index]


MANIPULATION = [
    Case("reshape", (CUBE, (6, 4)), np.reshape),
    Case("reshape", (CUBE, (-1, 2, 2)), np.reshape),
    Case("reshape", (np.array(3.0), (1, 1)), np.reshape),
    Case("transpose", (CUBE,), np.transpose),
    Case("transpose", (CUBE, (2, 0, 1)), np.transpose),
    Case("transpose", (CUBE, (-1, 0, 1)), np.transpose, note="negative axis"),
    Case("swapaxes", (CUBE, 0, -1), np.swapaxes),
    Case("moveaxis", (CUBE, 0, -1), np.moveaxis),
    Case("moveaxis", (CUBE, -1, 1), np.moveaxis),
    Case("expand_dims", (CUBE, 0), np.expand_dims),
    Case("expand_dims", (CUBE, -1), np.expand_dims),
    Case("squeeze", (ONES, 1), np.squeeze),
    Case("squeeze", (ONES, (1, -1)), np.squeeze),
    Case("concatenate", ([X, X[:1]],), np.concatenate, gradient=False),
    Case("concatenate", ([CUBE, CUBE[:, :, :1]], -1), np.concatenate, gradient=False),
    Case("concatenate", ([X, INTEGERS[:, :1].repeat(4, 1)],), np.concatenate, gradient=False, note="float and integer"),
    Case("stack", ([X, X + 1],), np.stack, gradient=False),
    Case("stack", ([X, X + 1], -1), np.stack, gradient=False),
    Case("unstack", (CUBE, 1), unstack, gradient=False),
    Case("unstack", (CUBE, -1), unstack, gradient=False),
    Case("split", (CUBE, 3, 1), split, gradient=False),
    Case("split", (CUBE, [1, 3], -1), split, gradient=False),
    Case("split", (CUBE, [4], -1), split, gradient=False, note="one part"),
    Case("split", (CUBE, [0, 4], -1), split, gradient=False, note="empty part"),
    Case("tile", (X, (1, 2)), np.tile),
    Case("tile", (CUBE, (2, 1, 3)), np.tile),
    Case("repeat", (X, 2, 0), np.repeat),
    Case("repeat", (CUBE, 3, -1), np.repeat),
    Case("broadcast_to", (X, (2, 3, 4)), np.broadcast_to),
    Case("broadcast_to", (ONES, (2, 2, 3, 2)), np.broadcast_to),
    Case("broadcast_to", (INTEGERS, (2, 2, 3)), np.broadcast_to, gradient=False, note="integers"),
    Case("flip", (CUBE, 1), np.flip),
    Case("flip", (CUBE, (0, -1)), np.flip),
    Case("roll", (CUBE, 1, -1), np.roll),
    Case("roll", (CUBE, -5, 1), np.roll),
]

PADDING = [
    *(Case("pad", (CUBE, [(0, 0), (1, 2), (2, 0)], mode), pad, note=mode) for mode in NUMPY_MODE),
    Case("pad", (X, [(1, 0), (0, 2)]), pad, {"value": 7.0}),
    Case("pad", (INTEGERS, [(0, 0), (1, 1)]), pad, {"value": 7}, gradient=False, note="integers"),
    Case("pad", (X, [(0, 0), (3, 3)], "reflect"), pad, note="reflect all"),
    Case("pad", (X, [(0, 0), (4, 4)], "symmetric"), pad, note="symmetric all"),
    Case("pad_constant", (X, [(1, 0), (0, 2)], 2.0), lambda x, w, v: np.pad(x, w, constant_values=v)),
]

INDEXING = [
    Case("getitem", (CUBE, (slice(None), 1)), getitem),
    Case("getitem", (CUBE, (Ellipsis, slice(1, None, 2))), getitem),
    Case("getitem", (CUBE, (slice(None), None, slice(0, -1), -1)), getitem),
    Case("getitem", (CUBE, (slice(None), slice(-2, 10))), getitem, note="beyond the end"),
    Case("getitem", (CUBE, (slice(None), slice(2, 1))), getitem, note="empty"),
    Case("dynamic_slice", (CUBE, (0, np.array(1), 2), (2, 1, 2)), dynamic_slice),
    Case("dynamic_slice", (CUBE, (0, np.array(2), np.array(-3)), (2, 3, 2)), dynamic_slice, note="moved inside"),
    Case("take", (TABLE, CHOICE), lambda x, i: np.take(x, i, 0)),
    Case("take", (TABLE, CHOICE.astype("int32")), lambda x, i: np.take(x, i, 0), note="int32"),
    Case("take", (TABLE, CHOICE.astype("uint8")), lambda x, i: np.take(x, i, 0), note="uint8"),
    Case("take", (CUBE, np.array([[3, 0]]), -1), np.take),
    Case("take", (CUBE, np.array(1), 1), np.take),
    Case("take", (TABLE[:, 0], CHOICE, 0), np.take, note="repeated"),
    Case("take_along_axis", (CUBE, np.argsort(CUBE, 1)[:, :2], 1), np.take_along_axis),
    Case("take_along_axis", (CUBE, np.argsort(CUBE, -1), -1), np.take_along_axis),
    Case("one_hot", (LABELS, 4), one_hot, gradient=False),
    Case("one_hot", (LABELS, 4, 1, "int32"), one_hot, gradient=False),
    Case("one_hot", (LABELS, 4, -2), one_hot, {"dtype": "float64"}, gradient=False),
]

SORTING = [
    *(Case("sort", (CUBE, axis, down), ordered) for axis in (-1, 1) for down in (False, True)),
    *(Case("argsort", (x, -1, down), order, gradient=False, note=note)
      for x, note in ((TIED, "ties"), (INTEGERS, "integers")) for down in (False, True)),
    Case("argsort", (CUBE, 0), order, gradient=False),
    Case("sort", (TIED, -1, True), ordered, gradient=[np.ones(TIED.shape)], note="ties"),
    Case("sort", (INTEGERS, 1, True), ordered, gradient=False),
    Case("top_k", (CUBE, 2), top_k, gradient=False),
    Case("top_k", (TIED, 3), top_k, gradient=False, note="ties"),
    Case("top_k", (INTEGERS, 2), top_k, gradient=False),
    Case("top_k", (MANY_TIED[None], 5), top_k, gradient=False, note="many ties"),
    Case("argsort", (MANY_TIED[None], -1, True), order, gradient=False, note="many ties"),
]  # fmt: skip

CASES = [*MANIPULATION, *PADDING, *INDEXING, *SORTING]
