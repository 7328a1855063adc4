"""What people type from habit, and unidl's way. One table: it feeds the errors here and the dictionary in the docs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Backends, as in UNIDL_BACKEND.
BACKENDS: dict[str, str] = {
    "pytorch": "torch",
    "pt": "torch",
    "tf": "tensorflow",
    "tf2": "tensorflow",
    "tensorflow2": "tensorflow",
    "tf.keras": "keras",
    "tf_keras": "keras",
    "keras3": "keras",
    "jax": "keras, with KERAS_BACKEND=jax",
}  # fmt: skip

# Attributes and methods of a model or layer.
MODEL: dict[str, str] = {
    "fit": "unidl.Trainer(model, loss=…, optimizer=…).fit(x, y)",
    "compile": "unidl.Trainer(model, loss=…, optimizer=…); jit=True there compiles",
    "evaluate": "unidl.Trainer(model, loss=…).evaluate(x, y)",
    "train_on_batch": "unidl.Trainer(…).step(batch)",
    "train_step": "a Trainer subclass with training_step(self, batch)",
    "parameters": "model.weights(), or model.native.parameters() on the torch backend",
    "named_parameters": "model.weights(), a dict of path -> array",
    "state_dict": "model.weights(), or model.native.state_dict() on the torch backend",
    "load_state_dict": "model.set_weights({path: array})",
    "trainable_variables": "model.weights(), or model.native.trainable_variables on the tensorflow and keras backends",
    "trainable_weights": "model.weights(), and model.freeze(path) for those that shall rest",
    "variables": "model.weights(), or model.native.variables",
    "get_weights": "model.weights(), a dict of path -> array",
    "load_weights": "model.set_weights({path: array})",
    "save_weights": "model.weights() and numpy.savez",
    "to": 'model.build(…, device="gpu"), or UNIDL_DEVICE=gpu',
    "cuda": 'model.build(…, device="gpu"), or UNIDL_DEVICE=gpu',
    "cpu": 'model.build(…, device="cpu")',
    "half": 'model.build(…, precision="float16")',
    "double": 'model.build(…, precision="float64")',
    "train": "model(x, training=True); the Trainer sets the mode itself",
    "eval": "model(x), which is inference unless training=True is given",
    "requires_grad_": 'model.freeze("path/*") and model.unfreeze("path/*")',
    "trainable": 'model.freeze("path/*") and model.unfreeze("path/*")',
    "zero_grad": "nothing: gradients never accumulate; unidl.value_and_grad(f, of=model) returns them",
    "call": "a method named forward",
    "get_layer": 'model.layers["path"]',
    "named_modules": "model.layers, a mapping of path -> layer",
    "modules": "model.layers, a mapping of path -> layer",
    "children": "model.layers, a mapping of path -> layer",
    "add": "unidl.Sequential([layer, layer, …]), with all layers in the list",
    "register_buffer": 'self.add_weight(name, shape, trainable=False) in setup, then self.update(name, value)',
    "register_parameter": "self.add_weight(name, shape) in setup",
    "register_forward_hook": "model.outputs_at(path), or model.native on the torch backend",
    "assign": "self.update(name, value)",
    "output": "model.outputs_at(path)",
    "predict_on_batch": "model(x), or model.predict(x, batch_size=…)",
}  # fmt: skip

# Methods of a user's class that unidl would never call.
METHODS: dict[str, str] = {
    "call": "forward",
    "build": "setup(self, shape)",
    "compute_output_shape": "nothing: unidl infers shapes from forward",
    "get_config": "nothing: the constructor's arguments are captured",
    "from_config": "nothing: the constructor's arguments are captured",
    "train_step": "a Trainer subclass with training_step(self, batch)",
}

LOSSES: dict[str, str] = {
    "sparse_categorical_crossentropy": "cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "categorical_cross_entropy": "cross_entropy",
    "crossentropy": "cross_entropy",
    "cross_entropy_loss": "cross_entropy",
    "crossentropyloss": "cross_entropy",
    "mean_squared_error": "mse",
    "mse_loss": "mse",
    "mseloss": "mse",
    "l2": "mse",
}  # fmt: skip

METRICS: dict[str, str] = {
    "acc": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "categorical_accuracy": "accuracy",
}  # fmt: skip

# Arguments of layers.
ARGUMENTS: dict[str, str] = {
    "out_features": "units",
    "in_features": "nothing: unidl infers the input's width",
    "in_channels": "nothing: unidl infers the input's channels",
    "out_channels": "filters",
    "kernel": "kernel_size",
    "stride": "strides",
    "dilation": "dilation_rate",
    "input_shape": "Input(shape) or model.build(shape)",
    "input_dim": "Input(shape), or vocabulary of an Embedding",
    "bias": "use_bias",
    "eps": "epsilon",
    "p": "rate",
    "num_embeddings": "input_dim",
    "embedding_dim": "output_dim",
    "hidden_size": "units",
    "embed_dim": "key_dim times num_heads",
    "normalized_shape": "axis",
    "affine": "scale and center",
    "lr": "learning_rate",
    "betas": "beta_1 and beta_2",
}  # fmt: skip


def suggestion(word: str, table: dict[str, str], known: Iterable[str] = ()) -> str | None:
    """unidl's way for a foreign or misspelt word, or None."""
    key = word.lower().replace("-", "_").replace(" ", "_")
    if key in table:
        return table[key]
    close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.6)
    return close[0] if close else None
