"""Ops that compute each element from the elements at its position: in which order a tensor's axes stand means nothing to them."""

POINTWISE = frozenset(
    [
        "abs", "add", "cast", "ceil", "clip", "cos", "divide", "elu", "equal", "erf", "exp", "expm1", "floor", "floor_divide", "full_like",
        "gelu", "gelu_tanh", "greater", "greater_equal", "hard_sigmoid", "hard_silu", "isfinite", "isinf", "isnan", "leaky_relu", "less",
        "less_equal", "log", "log1p", "log_sigmoid", "logical_and", "logical_not", "logical_or", "maximum", "minimum", "mish", "mod",
        "multiply", "negative", "not_equal", "ones_like", "pow", "power", "random_dropout", "reciprocal", "relu", "relu6", "round",
        "rsqrt", "selu", "sigmoid", "sign", "silu", "sin", "softplus", "softsign", "sqrt", "square", "stop_gradient", "subtract", "tan",
        "tanh", "where", "zeros_like",
    ]
)  # fmt: skip
