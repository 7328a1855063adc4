"""Write unidl/habits/foreign.txt: the public names of Keras, TensorFlow, torch, Lightning and NumPy, for which unidl never guesses.

    python -m tests.errors.foreign_names

Each name stands there in small letters without underscores, as `unidl.habits.word.bare` makes it; a test compares with the installed
frameworks. What is not installed where the tests run (Lightning, torchmetrics) is listed here.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import torch

from unidl.habits import bare

PAGE = Path(__file__).parents[2] / "unidl" / "habits" / "foreign.txt"

LIGHTNING = """
Trainer LightningModule LightningDataModule Callback ModelCheckpoint EarlyStopping LearningRateMonitor LearningRateFinder
ModelSummary RichModelSummary RichProgressBar TQDMProgressBar ProgressBar Timer StochasticWeightAveraging
GradientAccumulationScheduler BackboneFinetuning BaseFinetuning BatchSizeFinder DeviceStatsMonitor LambdaCallback
OnExceptionCheckpoint ThroughputMonitor WeightAveraging CSVLogger TensorBoardLogger WandbLogger MLFlowLogger CometLogger
NeptuneLogger seed_everything save_hyperparameters load_from_checkpoint Accuracy AUROC F1Score Precision Recall
ConfusionMatrix MeanMetric SumMetric MeanSquaredError MeanAbsoluteError R2Score JaccardIndex StructuralSimilarityIndexMeasure
PeakSignalNoiseRatio Perplexity BLEUScore CohenKappa MatthewsCorrCoef Specificity AveragePrecision log log_dict logger
hparams configure_optimizers training_step validation_step test_step predict_step train_dataloader val_dataloader accelerator
devices strategy num_nodes precision max_epochs min_epochs max_steps min_steps max_time limit_train_batches limit_val_batches
limit_test_batches limit_predict_batches overfit_batches val_check_interval check_val_every_n_epoch num_sanity_val_steps
log_every_n_steps enable_checkpointing enable_progress_bar enable_model_summary accumulate_grad_batches gradient_clip_val
gradient_clip_algorithm deterministic benchmark inference_mode use_distributed_sampler profiler detect_anomaly barebones
plugins sync_batchnorm reload_dataloaders_every_n_epochs default_root_dir fast_dev_run gpus tpu_cores
"""


LIGHTNING_CALLBACKS = """
ModelCheckpoint EarlyStopping LearningRateMonitor LearningRateFinder ModelSummary RichModelSummary RichProgressBar
TQDMProgressBar ProgressBar Timer StochasticWeightAveraging GradientAccumulationScheduler BackboneFinetuning BaseFinetuning
BatchSizeFinder DeviceStatsMonitor LambdaCallback OnExceptionCheckpoint ThroughputMonitor WeightAveraging CSVLogger
TensorBoardLogger WandbLogger MLFlowLogger CometLogger NeptuneLogger
"""


def namespaces() -> Iterator[Any]:
    """Where the frameworks' public names are, whatever they are."""
    yield from (
        keras,
        keras.layers,
        keras.losses,
        keras.metrics,
        keras.optimizers,
        keras.optimizers.schedules,
        keras.callbacks,
    )
    yield from (
        keras.ops,
        keras.activations,
        keras.initializers,
        keras.regularizers,
        keras.constraints,
        keras.random,
        keras.utils,
    )
    yield from (keras.Model, keras.layers.Layer)
    yield from (
        torch,
        torch.nn,
        torch.nn.functional,
        torch.nn.init,
        torch.optim,
        torch.optim.lr_scheduler,
        torch.linalg,
        torch.special,
    )
    yield from (torch.fft, torch.Tensor, torch.nn.Module, torch.utils.data, torch.distributions)
    yield from (
        tf,
        tf.math,
        tf.nn,
        tf.linalg,
        tf.random,
        tf.signal,
        tf.strings,
        tf.image,
        tf.data,
        tf.train,
        tf.Tensor,
        tf.Module,
    )
    yield from (tf.config, tf.distribute, tf.io, tf.saved_model, tf.summary, tf.sets, tf.sparse, tf.bitwise)
    yield from (np, np.linalg, np.random, np.fft)


def classes(module: ModuleType, base: type) -> Iterator[str]:
    """The names of a module's subclasses of a class."""
    for name, value in vars(module).items():
        if not name.startswith("_") and isinstance(value, type) and issubclass(value, base) and value is not base:
            yield name


def functions(*modules: ModuleType) -> Iterator[str]:
    """The names of modules' functions."""
    for module in modules:
        for name in dir(module):
            value = getattr(module, name)
            if name.islower() and not name.startswith("_") and callable(value) and not isinstance(value, type):
                yield name


def families() -> dict[str, list[str]]:
    """What each of unidl's families is called elsewhere."""
    layers = [*classes(keras.layers, keras.layers.Layer), *classes(torch.nn, torch.nn.Module)]
    lookups = {"get", "serialize", "deserialize"}
    return {
        "layers": [name for name in layers if not name.endswith("Loss")],
        "losses": [
            *classes(keras.losses, keras.losses.Loss),
            *[name for name in layers if name.endswith("Loss")],
            *[name for name in functions(keras.losses) if name not in lookups],
            *[name for name in functions(torch.nn.functional) if name.endswith("_loss") or "cross_entropy" in name],
        ],
        "metrics": [*classes(keras.metrics, keras.metrics.Metric), *[n for n in functions(keras.metrics) if n not in lookups]],
        "optimizers": [*classes(keras.optimizers, keras.optimizers.Optimizer), *classes(torch.optim, torch.optim.Optimizer)],
        "schedules": [
            *classes(keras.optimizers.schedules, keras.optimizers.schedules.LearningRateSchedule),
            *classes(torch.optim.lr_scheduler, torch.optim.lr_scheduler.LRScheduler),
        ],
        "callbacks": [*classes(keras.callbacks, keras.callbacks.Callback), *LIGHTNING_CALLBACKS.split()],
        "initializers": [*classes(keras.initializers, keras.initializers.Initializer), *[n for n in functions(torch.nn.init) if n.endswith("_")]],
        "activations": [name for name in functions(keras.activations) if name not in lookups],
        "ops": [*functions(keras.ops, torch.nn.functional, torch, torch.linalg, torch.special, torch.fft, tf.math, tf.nn, tf.linalg, np)],
    }  # fmt: skip


def names() -> dict[str, set[str]]:
    """Every public name, in its bare form, with the families that it is one of."""
    found: dict[str, set[str]] = {bare(word): set() for word in (LIGHTNING + LIGHTNING_CALLBACKS).split()}
    for module in namespaces():
        for word in dir(module):
            value = getattr(module, word, None) if isinstance(module, ModuleType) else None
            if not word.startswith("_") and len(bare(word)) > 1 and not _imported(module, value):
                found.setdefault(bare(word), set())
    for family, words in families().items():
        for word in words:
            found.setdefault(bare(word), set()).add(family)
    return found


def _imported(module: Any, value: Any) -> bool:
    """Whether a module's name is only Python's own module that it imports (`math`, `warnings`)."""
    return isinstance(value, ModuleType) and value.__name__.partition(".")[0] != module.__name__.partition(".")[0]


def page() -> str:
    """The file: a name a line, and its families."""
    return "".join(f"{' '.join([word, *sorted(families)])}\n" for word, families in sorted(names().items()))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
