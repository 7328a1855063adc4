"""Attributes of a training run's history, and names in unidl.data and of export formats."""

from __future__ import annotations

HISTORY: dict[str, str] = {
    "history": 'history["loss"], a list by epoch; history.epochs has a dict for each epoch',
    "epoch": "range(len(history.epochs))",
    "params": "Nothing: a history has numbers alone.",
    "model": "trainer.model",
    "keys": "history.names()",
    "items": "history.epochs, a dict for each epoch",
    "values": "history.epochs, a dict for each epoch",
    "loss": 'history["loss"]',
    "losses": 'history["loss"], or history.step_loss, one for each step',
    "logged_metrics": "history.epochs[-1]",
    "callback_metrics": "history.epochs[-1]",
}

SOURCES: dict[str, str] = {
    "Dataset": "unidl.Trainer.fit(dataset, batch_size=32) for a torch or Hugging Face Dataset; unidl.Trainer.fit(dataset) for a tf.data.Dataset, which has batches",
    "DataLoader": "unidl.Trainer.fit(x, y, batch_size=32) for arrays; unidl.Trainer.fit(loader) for a torch DataLoader",
    "TensorDataset": "arrays, given to unidl.Trainer.fit(x, y) as they are",
    "IterableDataset": "unidl.Trainer.fit(dataset, batch_size=32)",
    "LightningDataModule": "unidl.data.Stream(batches)",
    "PyDataset": "unidl.Trainer.fit(dataset)",
    "Sequence": "unidl.Trainer.fit(dataset), of a keras.utils.PyDataset",
    "random_split": "slices of the arrays: unidl.Trainer.fit(x[:900], y[:900], validation_data=(x[900:], y[900:]))",
}

FORMATS: dict[str, str] = {
    "tflite": "litert",
    "lite": "litert",
    "tf": "savedmodel",
    "saved_model": "savedmodel",
    "tensorflow": "savedmodel",
    "h5": '"keras", a .keras file; Keras itself converts it to others',
    "hdf5": '"keras", a .keras file; Keras itself converts it to others',
    "torch.export": "pt2",
    "exported_program": "pt2",
    "torchscript": '"pt2", a program for torch.export.load',
    "jit": '"pt2", a program for torch.export.load',
    "pt": '"pt2", a program for torch.export.load; model.native.state_dict() has the weights alone',
    "pth": '"pt2", a program for torch.export.load; model.native.state_dict() has the weights alone',
    "torch": '"pt2", a program for torch.export.load',
    "source": "unidl.source(model, backend), or unidl.eject(model, backend, folder)",
}
