"""Cases of convolution and pooling, with oracles that visit every window in turn."""

from dataclasses import replace

import numpy as np

from tests.ops.case import Case

rng = np.random.default_rng(4)
LINE = rng.normal(size=(2, 7, 2))
IMAGE = rng.normal(size=(1, 5, 4, 2))
VOLUME = rng.normal(size=(1, 3, 4, 3, 2))
TIED = np.ones((1, 4, 4, 1))


def kernel(*shape):
    return np.random.default_rng(5).normal(size=shape)


def each(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


def pads_of(lengths, size, strides, padding, dilation):
    """(low, high) for each axis, from the sentence in semantics.md."""
    extents = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    if padding == "valid":
        return [(0, 0)] * len(size)
    if padding == "causal":
        return [(extents[0] - 1, 0)]
    if padding == "same":
        totals = [max((-(-n // s) - 1) * s + e - n, 0) for n, s, e in zip(lengths, strides, extents, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    return list(padding)


def windows(x, size, strides, padding, dilation, fill):
    """Output lengths, and for each place the window there: (place, (batch, *size, channels))."""
    rank = len(size)
    pads = pads_of(x.shape[1:-1], size, strides, padding, dilation)
    x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    extents = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    lengths = tuple((n - e) // s + 1 for n, e, s in zip(x.shape[1:-1], extents, strides, strict=True))

    def visit():
        for place in np.ndindex(lengths):
            cut = tuple(
                slice(p * s, p * s + e, d) for p, s, e, d in zip(place, strides, extents, dilation, strict=True)
            )
            yield place, x[(slice(None), *cut)]

    assert len(lengths) == rank
    return lengths, visit()


def conv(x, kernel, strides=1, padding="valid", dilation=1, groups=1):
    rank = x.ndim - 2
    size, filters = kernel.shape[:-2], kernel.shape[-1]
    lengths, visit = windows(x, size, each(strides, rank), padding, each(dilation, rank), 0.0)
    result = np.zeros((len(x), *lengths, filters))
    own, share = kernel.shape[-2], filters // groups
    for place, seen in visit:
        for g in range(groups):
            taps = kernel[..., g * share : (g + 1) * share]
            part = seen[..., g * own : (g + 1) * own]
            result[(slice(None), *place, slice(g * share, (g + 1) * share))] = np.tensordot(part, taps, rank + 1)
    return result


def conv_transpose(x, kernel, strides=1, padding="valid", dilation=1):
    """Every place of x adds its kernel to the result."""
    rank = x.ndim - 2
    strides, dilation, size = each(strides, rank), each(dilation, rank), kernel.shape[:-2]
    extents = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    full = [max((n - 1) * s + e, n * s) for n, s, e in zip(x.shape[1:-1], strides, extents, strict=True)]
    result = np.zeros((len(x), *full, kernel.shape[-2]))
    for place in np.ndindex(x.shape[1:-1]):
        cut = tuple(slice(p * s, p * s + e, d) for p, s, e, d in zip(place, strides, extents, dilation, strict=True))
        added = np.moveaxis(np.tensordot(kernel, x[(slice(None), *place)], (-1, -1)), -1, 0)
        result[(slice(None), *cut)] += added
    if padding == "valid":
        return result
    lows = [max(e - s, 0) // 2 for e, s in zip(extents, strides, strict=True)]
    cut = tuple(slice(low, low + n * s) for low, n, s in zip(lows, x.shape[1:-1], strides, strict=True))
    return result[(slice(None), *cut)]


def pool(reduce, fill):
    def run(x, size, strides=None, padding="valid"):
        rank = x.ndim - 2
        size = each(size, rank)
        strides = size if strides is None else each(strides, rank)
        lengths, visit = windows(x, size, strides, padding, (1,) * rank, fill)
        result = np.zeros((len(x), *lengths, x.shape[-1]))
        for place, seen in visit:
            result[(slice(None), *place)] = reduce(seen, axis=tuple(range(1, rank + 1)))
        return result

    return run


max_pool = pool(np.max, -np.inf)
average_pool = pool(np.nanmean, np.nan)

CONVOLUTION = [
    replace(case, batched=1) for case in [
    Case("conv", (LINE, kernel(3, 2, 3)), conv),
    Case("conv", (LINE, kernel(4, 2, 2), 2, "same"), conv),
    Case("conv", (LINE, kernel(3, 2, 2), 1, "causal", 2), conv),
    Case("conv", (LINE, kernel(3, 2, 2), 3, "causal"), conv),
    Case("conv", (LINE, kernel(2, 1, 4), 2, [(2, 1)], 1, 2), conv, note="grouped"),
    Case("conv", (LINE, kernel(2, 1, 2), 2, "same", 2, 2), conv, note="grouped, strides and dilation"),
    Case("conv", (IMAGE, kernel(3, 3, 2, 2)), conv),
    Case("conv", (IMAGE, kernel(3, 2, 2, 2), 2, "same"), conv),
    Case("conv", (IMAGE, kernel(2, 3, 2, 1), (1, 2), "same"), conv),
    Case("conv", (IMAGE, kernel(2, 2, 2, 2), 1, "same", 2), conv),
    Case("conv", (IMAGE, kernel(2, 2, 2, 2), 2, "same", (2, 1)), conv, note="strides and dilation"),
    Case("conv", (IMAGE, kernel(3, 3, 2, 1), 2, [(2, 0), (1, 1)]), conv),
    Case("conv", (IMAGE, kernel(3, 3, 1, 4), 1, "same", 1, 2), conv, note="depthwise"),
    Case("conv", (IMAGE, kernel(2, 2, 1, 2), (2, 1), "same", 1, 2), conv, note="depthwise, uneven strides"),
    Case("conv", (np.concatenate([IMAGE, -IMAGE], -1), kernel(2, 2, 2, 2), 2, "same", 1, 2), conv, note="grouped"),
    Case("conv", (VOLUME, kernel(2, 2, 2, 2, 1)), conv),
    Case("conv", (VOLUME, kernel(3, 2, 2, 2, 1), 2, "same"), conv),
    Case("conv", (VOLUME, kernel(2, 2, 2, 1, 2), 1, "same", 1, 2), conv, note="grouped"),
    *(
        Case("conv_transpose", (x, kernel(*(k,) * rank, 3, 2), strides, padding), conv_transpose)
        for x, rank in ((LINE[:, :3], 1), (IMAGE[:, :2, :3], 2))
        for k in (1, 2, 3)
        for strides in (1, 2)
        for padding in ("valid", "same")
    ),
    Case("conv_transpose", (LINE[:, :3], kernel(2, 3, 2), 3, "valid"), conv_transpose, note="strides beyond the kernel"),
    Case("conv_transpose", (VOLUME[:, :2, :2, :2], kernel(2, 2, 2, 1, 2), 2, "same"), conv_transpose),
    *(
        Case("conv_transpose", (x, kernel(*size, 3, 2), strides, padding, dilation), conv_transpose, note="dilation")
        for padding in ("valid", "same")
        for x, size, strides, dilation in (
            (LINE[:, :3], (2,), 1, 2),
            (LINE[:, :3], (3,), 2, 3),
            (LINE[:, :3], (1,), 3, 2),
            (LINE[:, :1], (2,), 4, 2),
            (IMAGE[:, :2, :3], (2, 3), 2, 2),
            (IMAGE[:, :2, :3], (2, 2), (3, 1), (1, 2)),
            (VOLUME[:, :2, :1, :2], (1, 2, 2), 2, (2, 1, 3)),
        )
    ),
]]  # fmt: skip

# the first of equal elements takes the gradient: places of TIED that come first in so many windows of 2 × 2 and 3 × 3
FIRST_OF_4 = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]], float).reshape(1, 4, 4, 1)
FIRST_OF_9 = np.outer([2, 1, 1, 0], [2, 1, 1, 0]).astype(float).reshape(1, 4, 4, 1)

POOLING = [
    *(
        Case(name, (x, size, strides, padding), function)
        for name, function in (("max_pool", max_pool), ("average_pool", average_pool))
        for x, size, strides, padding in (
            (LINE, 2, None, "valid"),
            (LINE, 3, 2, "same"),
            (LINE, 3, 1, [(2, 1)]),
            (IMAGE, 2, None, "same"),
            (IMAGE, (3, 2), (2, 1), "same"),
            (IMAGE, 4, 3, "same"),
            (IMAGE, 3, 2, [(1, 2), (0, 1)]),
            (VOLUME, 2, None, "valid"),
            (VOLUME, 3, 2, "same"),
        )
    ),
    Case("max_pool", (TIED, 2), max_pool, gradient=[FIRST_OF_4], note="ties"),
    Case("max_pool", (TIED, 3, 1, "same"), max_pool, gradient=[FIRST_OF_9], note="ties"),
    Case("max_pool", (-TIED, 3, 1, "same"), max_pool, gradient=[FIRST_OF_9], note="padding never wins"),
]

CASES = [*CONVOLUTION, *POOLING]
