"""How each backend is to run each layer: the framework's class ("torch.nn.Linear"), or the reason for which the definition runs.

Keys are a backend, or more narrowly "keras on torch" (Keras' engine), "keras float64", "keras on torch float64".
"""

from __future__ import annotations

from tests.conformance.user_layers import Doubled, Renamed
from unidl import layers

IN_FLOAT32 = "Keras normalises in float32 inside"
ONE_PIXEL = "{} gives the gradient at a tie to one pixel only"
NO_MODULES = "torch has functions that merge tensors, and no modules"
FIRST_ALONE = "on TensorFlow, Keras gives the gradient at a tie to the first input alone"

KERNELS = "unidl.backends.tensorflow.layers"  # modules around a fused kernel of TensorFlow's

WAYS: dict[type, dict[str, str]] = {
    layers.Dense: {"torch": "torch.nn.Linear", "keras": "keras.layers.Dense"},
    layers.Conv2D: {"torch": "torch.nn.Conv2d", "keras": "keras.layers.Conv2D"},
    layers.Conv2DTranspose: {"torch": "torch.nn.ConvTranspose2d", "keras": "keras.layers.Conv2DTranspose"},
    layers.UpSampling2D: {"torch": "torch.nn.Upsample", "keras": "keras.layers.UpSampling2D"},
    layers.MaxPooling2D: {"torch": "torch.nn.MaxPool2d", "keras": "keras.layers.MaxPooling2D"},
    layers.AveragePooling2D: {"torch": "torch.nn.AvgPool2d", "keras": "keras.layers.AveragePooling2D"},
    layers.GlobalAveragePooling2D: {
        "torch": "torch.nn.AdaptiveAvgPool2d",
        "keras": "keras.layers.GlobalAveragePooling2D",
    },
    layers.GlobalMaxPooling2D: {
        "torch": ONE_PIXEL.format("torch.nn.AdaptiveMaxPool2d"),
        "keras": "keras.layers.GlobalMaxPooling2D",
        "keras on torch": ONE_PIXEL.format("on torch, Keras"),
    },
    layers.BatchNormalization: {
        "torch": "torch.nn.BatchNorm2d",
        "keras": "keras.layers.BatchNormalization",
        "keras float64": IN_FLOAT32,
        "tensorflow": f"{KERNELS}.normalization.FusedBatchNorm",
        "tensorflow float64": "tf.raw_ops.FusedBatchNormV3 serves float32 alone",
    },
    layers.LayerNormalization: {
        "torch": "torch.nn.LayerNorm",
        "keras": "keras.layers.LayerNormalization",
        "keras float64": IN_FLOAT32,
        "tensorflow": f"{KERNELS}.normalization.LayerNorm",
    },
    layers.Dropout: {"torch": "torch.nn.Dropout", "keras": "keras.layers.Dropout"},
    layers.Embedding: {
        "torch": "torch.nn.Embedding",
        "keras": "keras.layers.Embedding",
        "tensorflow": f"{KERNELS}.core.ResourceGather",
    },
    layers.LSTM: {
        "torch": "torch.nn.LSTM",
        "keras": "keras.layers.LSTM",
        "tensorflow": f"{KERNELS}.recurrent.BlockLSTM",
        "tensorflow float64": "tf.raw_ops.BlockLSTM serves float32 alone",
    },
    layers.GRU: {"torch": "torch.nn.GRU", "keras": "keras.layers.GRU"},
    layers.Bidirectional: {},
    layers.MultiHeadAttention: {
        "torch": "torch.nn.MultiheadAttention",
        "keras": "keras.layers.MultiHeadAttention",
        "keras float64": "keras.layers.MultiHeadAttention rounds its scale to float32",
        "tensorflow": f"{KERNELS}.attention.MatMulAttention",
    },
    layers.Activation: {"keras": "keras.layers.Activation"},
    layers.ReLU: {"torch": "torch.nn.ReLU", "keras": "keras.layers.ReLU"},
    layers.Softmax: {"torch": "torch.nn.Softmax", "keras": "keras.layers.Softmax"},
    layers.Flatten: {"torch": "torch.nn.Flatten", "keras": "keras.layers.Flatten"},
    layers.Reshape: {"torch": "torch has no module that reshapes all axes", "keras": "keras.layers.Reshape"},
    layers.Add: {"torch": NO_MODULES, "keras": "keras.layers.Add"},
    layers.Subtract: {"torch": NO_MODULES, "keras": "keras.layers.Subtract"},
    layers.Multiply: {"torch": NO_MODULES, "keras": "keras.layers.Multiply"},
    layers.Average: {"torch": NO_MODULES, "keras": "keras.layers.Average"},
    layers.Maximum: {"torch": NO_MODULES, "keras": "keras.layers.Maximum", "keras on tensorflow": FIRST_ALONE},
    layers.Minimum: {"torch": NO_MODULES, "keras": "keras.layers.Minimum", "keras on tensorflow": FIRST_ALONE},
    layers.Concatenate: {"torch": NO_MODULES, "keras": "keras.layers.Concatenate"},
    Renamed: {"torch": "torch.nn.Linear", "keras": "keras.layers.Dense"},
    Doubled: dict.fromkeys(("torch", "keras"), "Doubled changes Dense"),
}

ONE_WIDTH = {
    "torch": "torch.nn.MultiheadAttention needs query features = num_heads * key_dim = num_heads * value_dim = outputs"
}
TO_THE_END = {"tensorflow float32": "tf.raw_ops.BlockLSTM runs every example to the end"}
NO_MASK = {"torch": "torch.nn.LSTM knows no mask", **TO_THE_END}
OWN_ACTIVATIONS = {
    "torch": "torch.nn.LSTM has no activations but tanh and sigmoid",
    "tensorflow float32": "tf.raw_ops.BlockLSTM has no activations but tanh and sigmoid",
}
REPEATED_BORDER = {"keras on torch": 'on torch, Keras repeats the border where padding="same" is uneven'}
ROUNDED = {"keras float64": "Keras interpolates in float32 inside"}
ONE_AXIS = {"tensorflow": "on TensorFlow the gradient is written out for the last axis alone"}
TRAILING = ONE_AXIS | {"keras on torch": "on torch, keras.layers.LayerNormalization takes trailing axes only"}
OWN_FUNCTION = {
    "torch": "torch has no module for this function",
    "keras": "keras.activations has none that computes this function",
}

IN_TORCH = {
    "elu": "ELU", "gelu": "GELU", "gelu_tanh": "GELU", "hard_sigmoid": "Hardsigmoid", "hard_silu": "Hardswish",
    "identity": "Identity", "leaky_relu": "LeakyReLU", "log_sigmoid": "LogSigmoid", "log_softmax": "LogSoftmax",
    "mish": "Mish", "relu": "ReLU", "relu6": "ReLU6", "selu": "SELU", "sigmoid": "Sigmoid", "silu": "SiLU",
    "softmax": "Softmax", "softsign": "Softsign", "tanh": "Tanh",
}  # fmt: skip

ACTIVATION_WAYS: dict[str, dict[str, str]] = {name: {"torch": f"torch.nn.{cls}"} for name, cls in IN_TORCH.items()}
ACTIVATION_WAYS["softplus"] = {"torch": "torch.nn.Softplus is the identity above 20"}
ACTIVATION_WAYS["hard_sigmoid"]["torch float64"] = "torch.nn.Hardsigmoid rounds to float32 inside"
ACTIVATION_WAYS["selu"]["keras on tensorflow"] = (
    "on TensorFlow, keras.activations.selu has the gradient of the other side at 0"
)
ACTIVATION_WAYS["softsign"]["keras on tensorflow"] = (
    "on TensorFlow, keras.activations.softsign has no second derivative"
)
ACTIVATION_WAYS["hard_sigmoid"]["keras on torch"] = "on torch, keras.activations.hard_sigmoid has no second derivative"
for _name in ("gelu_tanh", "leaky_relu"):
    ACTIVATION_WAYS[_name]["keras"] = OWN_FUNCTION["keras"]
ACTIVATION_WAYS["gelu"]["keras float64"] = "keras.activations.gelu rounds to float32 inside"
