"""Arguments: of every description, and of one class or method alone."""

from __future__ import annotations

from collections.abc import Iterable

from unidl.habits.call import CALLS

_WIDTH = "Nothing: unidl infers the input's width."
_CHANNELS = "Nothing: unidl infers the input's channels."
_LAYOUT = "Nothing: data is channels-last on every backend."
_BATCH_FIRST = "Nothing: the batch axis comes first on every backend."
_RUNNING = "Nothing: unidl always keeps a moving mean and variance."
_REGULARIZER = "self.add_loss(0.01 * ops.sum(ops.square(layer.kernel))) in a model's forward; AdamW(weight_decay=…) decays weights beside the loss"
_DEVICE = 'model.build(…, device="gpu"), or UNIDL_DEVICE=gpu'
_PRECISION = 'model.build(…, precision="float64")'
_SCHEDULE = "learning_rate, with a schedule of unidl.schedules"

# Of any layer, loss, metric or optimizer.
ARGUMENTS: dict[str, str] = {
    "in_features": _WIDTH,
    "in_channels": _CHANNELS,
    "input_shape": "unidl.Input(shape) as the first item of a Sequential, or model.build(shape)",
    "input_dim": "unidl.Input(shape) as the first item of a Sequential, or model.build(shape)",
    "batch_input_shape": "unidl.Input(shape) as the first item of a Sequential, or model.build(shape)",
    "out_features": "units",
    "out_channels": "filters",
    "stride": "strides",
    "dilation": "dilation_rate",
    "bias": "use_bias",
    "eps": "epsilon",
    "dim": "axis",
    "axes": "axis",
    "p": "rate",
    "lr": "learning_rate",
    "act": "activation",
    "nonlinearity": "activation",
    "data_format": _LAYOUT,
    "inplace": "Nothing: a tensor is never changed in place.",
    "device": _DEVICE,
    "dtype": _PRECISION,
    "trainable": 'model.freeze("path") after building',
    "kernel_regularizer": _REGULARIZER,
    "bias_regularizer": _REGULARIZER,
    "activity_regularizer": "a layer whose forward calls self.add_loss(penalty), divided by the batch",
    "kernel_init": "kernel_initializer",
    "weight_init": "kernel_initializer",
}

# Of one class or method, where they mean something of its own. Looked up before ARGUMENTS.
ARGUMENTS_OF: dict[str, dict[str, str]] = {
    "Dense": {"output_dim": "units", "num_units": "units", "hidden_size": "units"},
    "Conv2D": {
        "kernel": "kernel_size",
        "num_filters": "filters",
        "nb_filter": "filters",
        "subsample": "strides",
        "border_mode": "padding",
        "padding_mode": "Nothing: padding is with zeros; ops.pad pads otherwise.",
    },
    "Conv2DTranspose": {
        "kernel": "kernel_size",
        "dilation_rate": "ops.conv_transpose(x, kernel, dilation=…) in a layer of your own; TensorFlow has none on a CPU",
        "output_padding": 'padding="same", whose output is n * stride',
    },
    "UpSampling2D": {
        "scale_factor": "size",
        "mode": "interpolation",
        "align_corners": "Nothing: pixels are squares, as with align_corners=False.",
    },
    "MaxPooling2D": {
        "kernel_size": "pool_size",
        "ceil_mode": 'padding="same"',
    },
    "AveragePooling2D": {
        "kernel_size": "pool_size",
        "ceil_mode": 'padding="same"',
        "count_include_pad": "Nothing: padding does not count in the mean.",
    },
    "GlobalAveragePooling2D": {"output_size": "Nothing: the whole image becomes one value for each channel."},
    "GlobalMaxPooling2D": {"output_size": "Nothing: the whole image becomes one value for each channel."},
    "BatchNormalization": {
        "num_features": _CHANNELS,
        "axis": "Nothing: the last axis is the channels'.",
        "affine": "scale and center",
        "track_running_stats": _RUNNING,
        "fused": "Nothing: the backend takes its fastest kernel; model.lowering() shows which.",
    },
    "LayerNormalization": {
        "normalized_shape": "axis",
        "elementwise_affine": "scale and center",
        "affine": "scale and center",
    },
    "Embedding": {
        "num_embeddings": "input_dim",
        "embedding_dim": "output_dim",
        "vocab_size": "input_dim",
        "input_length": "Nothing: the length may vary.",
        "mask_zero": "a mask of your own, given to the layers that take one: mask=ops.not_equal(x, 0)",
        "padding_idx": "a mask of your own, given to the layers that take one: mask=ops.not_equal(x, 0)",
    },
    "Dropout": {
        "prob": "rate",
        "drop_prob": "rate",
        "keep_prob": "rate, which is 1 - keep_prob",
        "seed": "unidl.Trainer(…, seed=0)",
    },
    "LSTM": {
        "hidden_size": "units",
        "input_size": _WIDTH,
        "batch_first": _BATCH_FIRST,
        "num_layers": "as many layers.LSTM one after another, all but the last with return_sequences=True",
        "dropout": "layers.Dropout(rate) before it",
        "unroll": "Nothing: the backend decides.",
    },
    "MultiHeadAttention": {
        "embed_dim": "num_heads and key_dim, which is embed_dim / num_heads",
        "nhead": "num_heads",
        "n_heads": "num_heads",
        "head_dim": "key_dim",
        "vdim": "value_dim",
        "batch_first": _BATCH_FIRST,
        "output_shape": "output_dim",
    },
    "Flatten": {
        "start_dim": "Nothing: all axes but the batch axis become one.",
        "end_dim": "Nothing: all axes but the batch axis become one.",
    },
    "Reshape": {"shape": "target_shape", "dims": "target_shape"},
    "Adam": {"betas": "beta_1 and beta_2", "beta1": "beta_1", "beta2": "beta_2"},
    "Optimizer": {
        "decay": _SCHEDULE,
        "clipnorm": "clip_norm, which is of all gradients together",
        "global_clipnorm": "clip_norm",
        "max_grad_norm": "clip_norm",
        "params": "Nothing: the Trainer knows the model's weights.",
        "exclude_from_weight_decay": "no_decay",
    },
    "Cosine": {
        "initial_learning_rate": "peak",
        "decay_steps": "steps",
        "T_max": "steps, which are optimizer steps and not epochs",
        "eta_min": "floor",
        "alpha": "floor, a learning rate and not a share of the peak",
        "warmup_steps": "warmup",
    },
    "CrossEntropy": {
        "logits": "from_logits",
        "ignore_class": "ignore_index",
        "weight": 'unidl.Trainer.fit(…, class_weight={0: 1.0, 1: 5.0}), with reduction="weighted_mean" as in torch',
    },
    "BinaryCrossEntropy": {
        "logits": "from_logits",
        "weight": "unidl.Trainer.fit(…, sample_weight=weights)",
        "pos_weight": "unidl.Trainer.fit(…, class_weight={1: weight})",
    },
    "EarlyStopping": {
        "restore_best_weights": "restore_best",
        "verbose": "Nothing: History and the progress bar show it.",
    },
    "Input": {
        "batch_size": "Nothing: the batch axis may have any length.",
        "batch_shape": "shape, without the batch axis",
    },
    **CALLS,
}


def argument(of: Iterable[str], word: str, described: bool = False) -> str | None:
    """unidl's way for a foreign argument, or None.

    Args:
        of: Name of the class or method and of those it inherits from; the first that knows the word answers.
        word: The argument's name; "*" for positional ones.
        described: Whether it is of a description, which ARGUMENTS is for.
    """
    for name in of:
        if word in ARGUMENTS_OF.get(name, {}):
            return ARGUMENTS_OF[name][word]
    return ARGUMENTS.get(word) if described else None
