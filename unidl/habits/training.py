"""Losses, metrics, optimizers, schedules, callbacks, initializers: names as strings and as attributes of their packages."""

from __future__ import annotations

LOSSES: dict[str, str] = {
    "sparse_categorical_crossentropy": "cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "categorical_cross_entropy": "cross_entropy",
    "sparse_categorical_cross_entropy": "cross_entropy",
    "softmax_cross_entropy": "cross_entropy",
    "crossentropy": "cross_entropy",
    "cross_entropy_loss": "cross_entropy",
    "crossentropyloss": "cross_entropy",
    "ce": "cross_entropy",
    "nll": "cross_entropy",
    "nll_loss": "cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
    "bce": "binary_cross_entropy",
    "bce_with_logits": "binary_cross_entropy",
    "binary_cross_entropy_with_logits": "binary_cross_entropy",
    "sigmoid_cross_entropy": "binary_cross_entropy",
    "log_loss": "binary_cross_entropy",
    "mean_squared_error": "mse",
    "mse_loss": "mse",
    "mseloss": "mse",
    "SparseCategoricalCrossentropy": "unidl.losses.CrossEntropy()",
    "CategoricalCrossentropy": "unidl.losses.CrossEntropy()",
    "CrossEntropyLoss": "unidl.losses.CrossEntropy()",
    "NLLLoss": "unidl.losses.CrossEntropy(), on logits",
    "BinaryCrossentropy": "unidl.losses.BinaryCrossEntropy(), on logits",
    "BCEWithLogitsLoss": "unidl.losses.BinaryCrossEntropy()",
    "BCELoss": "unidl.losses.BinaryCrossEntropy(from_logits=False)",
    "MultiLabelSoftMarginLoss": "unidl.losses.BinaryCrossEntropy()",
    "MeanSquaredError": "unidl.losses.MSE()",
    "MSELoss": "unidl.losses.MSE()",
}

METRICS: dict[str, str] = {
    "acc": "accuracy",
    "accuracy_score": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "SparseCategoricalAccuracy": "unidl.metrics.Accuracy()",
    "CategoricalAccuracy": "unidl.metrics.Accuracy()",
    "binary_acc": "binary_accuracy",
    "MulticlassAccuracy": 'unidl.metrics.Accuracy(), which is of all examples together, as with average="micro"',
    "MeanMetric": "unidl.metrics.Mean(function), of a function of targets and predictions",
}

OPTIMIZERS: dict[str, str] = {
    "adam_w": "adamw",
    "stochastic_gradient_descent": "sgd",
    "gradient_descent": "sgd",
    "gd": "sgd",
    "momentum": "unidl.optimizers.SGD(0.1, momentum=0.9)",
    "nesterov": "unidl.optimizers.SGD(0.1, momentum=0.9, nesterov=True)",
    "schedules": "unidl.schedules",
    "lr_scheduler": "unidl.schedules",
}

SCHEDULES: dict[str, str] = {
    "CosineDecay": "unidl.schedules.Cosine(peak, steps)",
    "CosineAnnealingLR": "unidl.schedules.Cosine(peak, steps); it counts optimizer steps",
    "CosineAnnealing": "unidl.schedules.Cosine(peak, steps)",
    "LearningRateSchedule": "unidl.schedules.Schedule",
    "LRScheduler": "unidl.schedules.Schedule",
    "ReduceLROnPlateau": "unidl.callbacks.ReduceLROnPlateau(), given to fit",
    "LambdaLR": "a subclass of unidl.schedules.Schedule with __call__(self, step)",
    "LearningRateScheduler": "a subclass of unidl.schedules.Schedule with __call__(self, step)",
    "ConstantLR": "unidl.schedules.Constant(value), or the number itself",
}

CALLBACKS: dict[str, str] = {
    "LambdaCallback": "unidl.callbacks.Lambda(on_epoch_end=lambda trainer, numbers: …)",
    "TensorBoardLogger": 'unidl.callbacks.TensorBoard("runs/a")',
    "RichModelSummary": "unidl.callbacks.ModelSummary()",
    "History": "what unidl.Trainer.fit returns",
    "LearningRateScheduler": "optimizer=unidl.optimizers.Adam(schedule), with a unidl.schedules.Schedule",
    "ModelCheckpoint": 'unidl.callbacks.Checkpoint("runs/a", monitor="val_loss"), whose best.unidl is the best model',
    "BackupAndRestore": 'unidl.callbacks.Checkpoint("runs/a"), with unidl.Trainer.fit(…, resume=True)',
    "TerminateOnNaN": 'unidl.Trainer.fit(…, on_nonfinite="stop"), which is the default',
    "ProgbarLogger": "unidl.Trainer.fit(…, progress=True)",
    "TQDMProgressBar": "unidl.Trainer.fit(…, progress=True)",
    "RichProgressBar": "unidl.Trainer.fit(…, progress=True)",
}

# Understood as they are.
INITIALIZERS: dict[str, str] = {
    "random_normal": "normal",
    "random_uniform": "uniform",
    "zero": "zeros",
    "one": "ones",
    "xavier_uniform": "glorot_uniform",
    "kaiming_uniform": "he_uniform",
}

# Names in unidl.initializers, and names given as a text, that are not understood as they are.
INITIALIZER_NAMES: dict[str, str] = {
    "RandomNormal": "unidl.initializers.Normal(0.0, 0.05)",
    "RandomUniform": "unidl.initializers.Uniform(-0.05, 0.05)",
    "uniform_": "unidl.initializers.Uniform(low, high)",
    "normal_": "unidl.initializers.Normal(mean, stddev)",
    "zeros_": "unidl.initializers.Zeros()",
    "ones_": "unidl.initializers.Ones()",
    "constant_": "unidl.initializers.Constant(value)",
    "orthogonal_": "unidl.initializers.Orthogonal(gain)",
    "xavier_uniform_": "unidl.initializers.GlorotUniform()",
    "kaiming_uniform_": "unidl.initializers.HeUniform(), as with a=0",
    "xavier_normal": 'unidl.initializers.VarianceScaling(1.0, "fan_avg", "normal"); "glorot_normal" is cut at two standard deviations',
    "kaiming_normal": 'unidl.initializers.VarianceScaling(2.0, "fan_in", "normal"); "he_normal" is cut at two standard deviations',
    "xavier_normal_": 'unidl.initializers.VarianceScaling(1.0, "fan_avg", "normal"); GlorotNormal() is cut at two standard deviations',
    "kaiming_normal_": 'unidl.initializers.VarianceScaling(2.0, "fan_in", "normal"); HeNormal() is cut at two standard deviations',
    "trunc_normal_": "unidl.initializers.TruncatedNormal(mean, stddev), cut at two standard deviations",
}
