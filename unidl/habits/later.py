"""What unidl does not have yet: a name of another framework, in its bare form, and how one writes it today.

A row is left out once unidl has the name itself; tests/errors/test_advice.py says which. What stands in no row, and is a name of another
framework all the same, gets its family's GENERIC sentence.
"""

from __future__ import annotations

_WINDOWS = "In the forward of a subclass of unidl.Layer: {} (any number of spatial axes)."
_PREPROCESSING = "Prepare arrays before training, with NumPy or another package: unidl has no preprocessing layers."
_AUGMENTATION = "Augment batches in a function that yields them: trainer.fit(unidl.data.Stream(batches))."
_RECURRENT = "In the forward of a subclass of unidl.Layer: ops.scan(step, initial, xs, axis=1) runs a step over time."
_PAD = "In forward: ops.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)){})."
_LINE = "layers.Reshape((length, 1, channels)), then layers.{}, then layers.Reshape((-1, channels))"
_CLASSIFIED = "A subclass of unidl.metrics.Metric, whose state counts what it needs, with initial, update and result."
_FOREIGN_LAYER = "A framework's own module cannot stand in a model: describe it with unidl.layers, and unidl.load_weights takes its weights."
_TRANSFORMER = "A subclass of unidl.Layer with layers.MultiHeadAttention, layers.LayerNormalization, layers.Dense and layers.Dropout as attributes."

LAYERS: dict[str, str] = {
    "conv1d": _WINDOWS.format("ops.conv(x, self.kernel, strides, padding), a kernel (kernel_size, inputs, filters)"),
    "convolution1d": _WINDOWS.format("ops.conv(x, self.kernel, strides, padding), a kernel (kernel_size, inputs, filters)"),
    "conv3d": _WINDOWS.format("ops.conv(x, self.kernel, strides, padding)"),
    "convolution3d": _WINDOWS.format("ops.conv(x, self.kernel, strides, padding)"),
    "conv1dtranspose": _WINDOWS.format("ops.conv_transpose(x, self.kernel, strides, padding)"),
    "convtranspose1d": _WINDOWS.format("ops.conv_transpose(x, self.kernel, strides, padding)"),
    "conv3dtranspose": _WINDOWS.format("ops.conv_transpose(x, self.kernel, strides, padding)"),
    "convtranspose3d": _WINDOWS.format("ops.conv_transpose(x, self.kernel, strides, padding)"),
    "depthwiseconv2d": "layers.Conv2D(channels, kernel_size, groups=channels)",
    "separableconv2d": "layers.Conv2D(channels, kernel_size, groups=channels, use_bias=False), then layers.Conv2D(filters, 1)",
    "separableconvolution2d": "layers.Conv2D(channels, kernel_size, groups=channels, use_bias=False), then layers.Conv2D(filters, 1)",
    "maxpooling1d": _LINE.format("MaxPooling2D((pool_size, 1))"),
    "maxpool1d": _LINE.format("MaxPooling2D((pool_size, 1))"),
    "averagepooling1d": _LINE.format("AveragePooling2D((pool_size, 1))"),
    "avgpool1d": _LINE.format("AveragePooling2D((pool_size, 1))"),
    "maxpooling3d": _WINDOWS.format("ops.max_pool(x, size)"),
    "maxpool3d": _WINDOWS.format("ops.max_pool(x, size)"),
    "averagepooling3d": _WINDOWS.format("ops.average_pool(x, size)"),
    "avgpool3d": _WINDOWS.format("ops.average_pool(x, size)"),
    "simplernn": _RECURRENT,
    "rnn": _RECURRENT,
    "lstmcell": _RECURRENT,
    "grucell": _RECURRENT,
    "rnncell": _RECURRENT,
    "simplernncell": _RECURRENT,
    "convlstm2d": _RECURRENT,
    "timedistributed": "layers.Dense works on the last axis of any input; for other layers ops.reshape time into the batch axis, and back",
    "constantpad2d": _PAD.format(", value=value"),
    "circularpad2d": _PAD.format(', mode="wrap"'),
    "upsampling1d": "In forward: ops.repeat(x, size, axis=1).",
    "masking": "In forward: mask = ops.any(ops.not_equal(x, 0.0), axis=-1), given to the layers that take a mask.",
    "attention": "In forward: ops.matmul(ops.softmax(ops.matmul(q, ops.swapaxes(k, -1, -2)), axis=-1), v); layers.MultiHeadAttention has weights.",
    "einsumdense": "In the forward of a subclass of unidl.Layer: ops.einsum(equation, x, self.kernel).",
    "embeddingbag": "In forward: ops.mean(self.embedding(x), axis=1), with a layers.Embedding as attribute.",
    "dot": "In forward: ops.sum(a * b, axis=-1, keepdims=True), or ops.einsum.",
    "cosinesimilarity": "In forward: ops.sum(a * b, axis=-1) / (ops.norm(a, -1) * ops.norm(b, -1)).",
    "celu": 'layers.Activation("elu"), which is CELU with alpha=1',
    "hardtanh": "layers.Activation(lambda x: ops.clip(x, -1.0, 1.0))",
    "softmin": "layers.Activation(lambda x: ops.softmax(-x))",
    "tanhshrink": "layers.Activation(lambda x: x - ops.tanh(x))",
    "hardshrink": "layers.Activation(lambda x: ops.where(ops.greater(ops.abs(x), 0.5), x, 0.0))",
    "softshrink": "layers.Activation(lambda x: ops.sign(x) * ops.maximum(ops.abs(x) - 0.5, 0.0))",
    "softmax2d": "layers.Softmax(), for channels are last",
    "parameterlist": "self.add_weight(name, shape) in setup, for each",
    "parameterdict": "self.add_weight(name, shape) in setup, for each",
    "buffer": "self.add_weight(name, shape, trainable=False) in setup",
    "transformer": _TRANSFORMER,
    "transformerencoder": _TRANSFORMER,
    "transformerencoderlayer": _TRANSFORMER,
    "transformerdecoder": _TRANSFORMER,
    "transformerdecoderlayer": _TRANSFORMER,
    "dataparallel": "Nothing: a model trains on one device.",
    "syncbatchnorm": "Nothing: a model trains on one device.",
    **dict.fromkeys(("tfsmlayer", "torchmodulewrapper", "jaxlayer", "flaxlayer"), _FOREIGN_LAYER),
    **dict.fromkeys(
        ("textvectorization", "stringlookup", "integerlookup", "categoryencoding", "hashing", "hashedcrossing", "discretization", "normalization", "melspectrogram", "stftspectrogram", "resizing", "centercrop"),
        _PREPROCESSING,
    ),
    **dict.fromkeys(
        ("randomflip", "randomrotation", "randomzoom", "randomcrop", "randomtranslation", "randomcontrast", "randombrightness", "randomerasing", "mixup", "cutmix", "randaugment", "augmix"),
        _AUGMENTATION,
    ),
}  # fmt: skip

OPS: dict[str, str] = {
    "fmod": "ops.sign(x) * ops.mod(ops.abs(x), ops.abs(y)), whose sign is x's",
    "trunc": "ops.sign(x) * ops.floor(ops.abs(x))",
    "log2": "ops.log(x) / math.log(2.0)",
    "log10": "ops.log(x) / math.log(10.0)",
    "exp2": "ops.exp(x * math.log(2.0))",
    "sinh": "(ops.exp(x) - ops.exp(-x)) * 0.5",
    "cosh": "(ops.exp(x) + ops.exp(-x)) * 0.5",
    "erfc": "1.0 - ops.erf(x)",
    "hypot": "ops.sqrt(ops.square(x) + ops.square(y))",
    "lerp": "x + weight * (y - x)",
    "clampmin": "ops.maximum(x, low)",
    "clampmax": "ops.minimum(x, high)",
    "nantonum": "ops.where(ops.isnan(x), 0.0, x)",
    "softmin": "ops.softmax(-x)",
    "hardtanh": "ops.clip(x, -1.0, 1.0)",
    "tanhshrink": "x - ops.tanh(x)",
    "celu": "ops.elu(x), which is celu with alpha=1",
    "prelu": "ops.maximum(x, 0.0) + alpha * ops.minimum(x, 0.0)",
    "diff": "x[1:] - x[:-1]",
    "hstack": "ops.concatenate(tensors, axis=1)",
    "vstack": "ops.concatenate(tensors, axis=0)",
    "ravel": "ops.reshape(x, (-1,))",
    "inner": "ops.sum(x * y, axis=-1)",
    "vdot": "ops.sum(x * y)",
    "fliplr": "ops.flip(x, axis=1)",
    "flipud": "ops.flip(x, axis=0)",
    "normalize": "x / ops.norm(x, -1, keepdims=True)",
    "cosinesimilarity": "ops.sum(x * y, axis=-1) / (ops.norm(x, -1) * ops.norm(y, -1))",
    "rmsnorm": "x * ops.rsqrt(ops.mean(ops.square(x), -1, keepdims=True) + epsilon)",
    "logaddexp": "ops.logsumexp(ops.stack([x, y]), axis=0)",
    "scaleddotproductattention": "ops.matmul(ops.softmax(ops.matmul(q, ops.swapaxes(k, -1, -2)) * q.shape[-1] ** -0.5, axis=-1), v)",
    "interpolate": "layers.UpSampling2D(size)",
    "embedding": "ops.take(table, indices, axis=0)",
    "ndim": "len(x.shape)",
    "l1loss": "ops.mean(ops.abs(predictions - targets))",
}  # fmt: skip

LOSSES: dict[str, str] = {}

METRICS: dict[str, str] = {
    **dict.fromkeys(("meanabsoluteerror", "mae"), "A function is a metric, its mean: metrics=[lambda t, p: ops.abs(t - p)]."),
    **dict.fromkeys(("meansquarederror", "mse"), "A function is a metric, its mean: metrics=[lambda t, p: ops.square(t - p)]."),
    **dict.fromkeys(
        ("auc", "auroc", "precision", "recall", "f1score", "fbetascore", "confusionmatrix", "truepositives", "falsepositives", "truenegatives", "falsenegatives", "iou", "meaniou", "r2score", "cohenkappa", "topkcategoricalaccuracy", "sparsetopkcategoricalaccuracy"),
        _CLASSIFIED,
    ),
}  # fmt: skip

OPTIMIZERS: dict[str, str] = {}

SCHEDULES: dict[str, str] = {}

CALLBACKS: dict[str, str] = {
    "wandblogger": "A subclass of unidl.callbacks.Callback whose on_epoch_end calls wandb.log(numbers).",
    "mlflowlogger": "A subclass of unidl.callbacks.Callback whose on_epoch_end calls mlflow.log_metrics(numbers).",
    "swapemaweights": "A subclass of unidl.callbacks.Callback whose on_steps calls average.copy_from(trainer.model, decay=0.99).",
}  # fmt: skip

INITIALIZERS: dict[str, str] = {
    "identity": "An array is an initializer too: kernel_initializer=numpy.eye(n).",
    "eye": "An array is an initializer too: kernel_initializer=numpy.eye(n).",
}

ACTIVATIONS: dict[str, str] = {
    "prelu": "The slope is a weight: ops.maximum(x, 0.0) + self.alpha * ops.minimum(x, 0.0) in the forward of a subclass of unidl.Layer.",
    "softmin": "activation=lambda x: ops.softmax(-x)",
    "hardtanh": "activation=lambda x: ops.clip(x, -1.0, 1.0)",
    "tanhshrink": "activation=lambda x: x - ops.tanh(x)",
    "celu": 'activation="elu", which is celu with alpha=1',
    "exponential": "activation=ops.exp",
    "exp": "activation=ops.exp",
    "sine": "activation=ops.sin",
}

# family -> how one writes what it lacks
GENERIC: dict[str, str] = {
    "layers": "A subclass of unidl.Layer with setup and forward is a layer on every backend.",
    "ops": "Compose it of other unidl.ops; docs/support.md has all of them.",
    "losses": "A function(targets, predictions) written with unidl.ops is a loss: loss=my_loss.",
    "metrics": "A function(targets, predictions) is a metric, its mean: metrics=[my_metric]; others are subclasses of unidl.metrics.Metric.",
    "optimizers": "A subclass of unidl.optimizers.Optimizer with state_names and update is an optimizer on every backend.",
    "schedules": "A subclass of unidl.schedules.Schedule whose __call__(self, step) returns the learning rate is a schedule.",
    "callbacks": "A subclass of unidl.callbacks.Callback is called after each epoch (on_epoch_end) and after every so many steps (on_steps).",
    "initializers": "An array is an initializer too, and so is a subclass of unidl.initializers.Initializer with __call__(self, shape, generator).",
    "activations": "A function of one tensor written with unidl.ops is an activation: activation=my_function.",
}

LATER: dict[str, dict[str, str]] = {
    "layers": LAYERS, "ops": OPS, "losses": LOSSES, "metrics": METRICS, "optimizers": OPTIMIZERS, "schedules": SCHEDULES,
    "callbacks": CALLBACKS, "initializers": INITIALIZERS, "activations": ACTIVATIONS,
}  # fmt: skip
