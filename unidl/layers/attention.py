"""Attention: MultiHeadAttention."""

from __future__ import annotations

import math
from typing import Any

from unidl import ops
from unidl.arguments import flag, fraction, positive
from unidl.description.layer import Layer
from unidl.errors import DtypeError, ShapeError
from unidl.graph.spec import Shape, dtype_name
from unidl.initializers.initializer import checked_initializer


class MultiHeadAttention(Layer):
    """Each place of a query looks at the places of a value, in several ways at once.

        q, k, v = query @ query_kernel, key @ key_kernel, value @ value_kernel        (plus biases), for each head
        p = softmax over s of (q[t] . k[s] / sqrt(key_dim))        where mask[t, s] is True, else 0
        y[t] = concatenated over heads (sum_s p[t, s] * v[s]) @ output_kernel + output_bias

    A place that may look nowhere sees zeros: its output is `output_bias`.

    Args:
        num_heads: Heads.
        key_dim: Length of q and k of each head.
        value_dim: Length of v of each head; None is `key_dim`.
        output_dim: Length of the output's last axis; None is the query's.
        use_bias: Whether the four maps have biases.
        dropout: Share of the weights p that is dropped in training.
        kernel_initializer: For query_kernel, key_kernel (features, heads, key_dim), value_kernel (features, heads, value_dim)
            and output_kernel (heads, value_dim, outputs).
        bias_initializer: For the biases (heads, key_dim), (heads, key_dim), (heads, value_dim) and (outputs,).
    Input: query (batch, t, features); value (batch, s, features), None is the query; key (batch, s, features), None is the value;
        mask (batch, t, s) or (batch, heads, t, s), bool, True where t may look at s, lengths of 1 are repeated; causal: whether
        t may look at s <= t only
    Output: (batch, t, outputs), same dtype
    Raises:
        ShapeError: An input has other than three axes, or the mask other than three or four.
        DtypeError: The mask is not bool.
    Example:
        >>> MultiHeadAttention(4, 8).output_shape((None, 20, 32))
        (None, 20, 32)
    Where the frameworks differ: `torch.nn.MultiheadAttention` blocks where its mask is True, gives NaN where everything is blocked,
    and keeps the three input kernels in one matrix; Keras spreads such a place's attention over everything.
    References: Vaswani et al. (2017), arXiv:1706.03762.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        output_dim: int | None = None,
        use_bias: bool = True,
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
    ) -> None:
        self.num_heads = positive(self, "num_heads", num_heads)
        self.key_dim = positive(self, "key_dim", key_dim)
        self.value_dim = self.key_dim if value_dim is None else positive(self, "value_dim", value_dim)
        self.output_dim = None if output_dim is None else positive(self, "output_dim", output_dim)
        self.use_bias = flag(self, "use_bias", use_bias)
        self.dropout = fraction(self, "dropout", dropout)
        self.kernel_initializer = checked_initializer(self, "kernel_initializer", kernel_initializer)
        self.bias_initializer = checked_initializer(self, "bias_initializer", bias_initializer)

    def setup(self, query: Shape, value: Shape | None = None, key: Shape | None = None) -> None:
        """Four kernels and biases, named query_…, key_…, value_… and output_…."""
        value = query if value is None else value
        key = value if key is None else key
        for shape in (query, value, key):
            self.check_rank(shape, 3, "(batch, time, features)", most=3)
        features = [self.check_known(shape, -1, "feature") for shape in (query, key, value)]
        outputs = features[0] if self.output_dim is None else self.output_dim
        heads = self.num_heads
        self._add_map("query", (features[0], heads, self.key_dim), (heads, self.key_dim))
        self._add_map("key", (features[1], heads, self.key_dim), (heads, self.key_dim))
        self._add_map("value", (features[2], heads, self.value_dim), (heads, self.value_dim))
        self._add_map("output", (heads, self.value_dim, outputs), (outputs,))

    def _add_map(self, name: str, kernel: tuple[int, ...], bias: tuple[int, ...]) -> None:
        self.add_weight(f"{name}_kernel", kernel, self.kernel_initializer)
        if self.use_bias:
            self.add_weight(f"{name}_bias", bias, self.bias_initializer)

    def forward(self, query: Any, value: Any = None, key: Any = None, mask: Any = None, causal: bool = False) -> Any:
        """Scaled dot products, softmax, weighted sum, for each head."""
        value = query if value is None else value
        key = value if key is None else key
        q = ops.einsum("btf,fhd->bhtd", query, self.query_kernel)  # (batch, heads, t, key_dim)
        k = ops.einsum("bsf,fhd->bhsd", key, self.key_kernel)  # (batch, heads, s, key_dim)
        v = ops.einsum("bsf,fhd->bhsd", value, self.value_kernel)  # (batch, heads, s, value_dim)
        if self.use_bias:
            q = q + ops.expand_dims(self.query_bias, 1)
            k = k + ops.expand_dims(self.key_bias, 1)
            v = v + ops.expand_dims(self.value_bias, 1)
        scores = ops.einsum("bhtd,bhsd->bhts", q * (1.0 / math.sqrt(self.key_dim)), k)  # (batch, heads, t, s)
        p = self._weights(scores, self._allowed(query, value, mask, causal), mask is None)
        if self.training and self.dropout:
            p = ops.random.dropout(p, self.dropout)
        y = ops.einsum("bhts,bhsd->bhtd", p, v)  # (batch, heads, t, value_dim)
        y = ops.einsum("bhtd,hdo->bto", y, self.output_kernel)  # (batch, t, outputs)
        return y + self.output_bias if self.use_bias else y

    @staticmethod
    def _weights(scores: Any, allowed: Any, somewhere: bool) -> Any:
        """The softmax over what is allowed, zeros elsewhere; `somewhere` says that each place may look at one at least."""
        if allowed is None:
            return ops.softmax(scores, axis=-1)
        # a finite stand-in for minus infinity, which would be NaN where nothing is allowed
        blocked = -6e4 if dtype_name(scores.dtype) == "float16" else -1e30
        p = ops.softmax(
            ops.where(allowed, scores, blocked), axis=-1
        )  # exactly 0 where it is blocked beside one that is not
        return p if somewhere else ops.where(allowed, p, 0.0)

    def _allowed(self, query: Any, value: Any, mask: Any, causal: bool) -> Any:
        """Where t may look at s: broadcasts against (batch, heads, t, s), or None for everywhere."""
        allowed = None
        if mask is not None:
            _check_mask(mask)
            allowed = ops.expand_dims(mask, 1) if len(mask.shape) == 3 else mask  # (batch, 1 or heads, t, s)
        if causal:
            t = ops.arange(ops.shape(query)[1], dtype="int64", like=query)
            s = ops.arange(ops.shape(value)[1], dtype="int64", like=query)
            before = ops.expand_dims(s, 0) <= ops.expand_dims(t, 1)  # (t, s)
            allowed = before if allowed is None else ops.logical_and(allowed, before)
        return allowed


def _check_mask(mask: Any) -> None:
    if len(mask.shape) not in (3, 4):
        raise ShapeError(
            "MultiHeadAttention: the mask does not say which place may look where.",
            expected="(batch, t, s), or (batch, heads, t, s); lengths of 1 are repeated",
            received=str(tuple(mask.shape)),
            fix="A mask of padding, (batch, s), becomes one with ops.expand_dims(mask, 1).",
        )
    if dtype_name(mask.dtype) != "bool":
        raise DtypeError(
            "MultiHeadAttention needs a mask of truth values.",
            expected="bool, True where t may look at s",
            received=dtype_name(mask.dtype),
            fix='ops.cast(mask, "bool"); a mask that is added to the scores is not supported.',
        )
