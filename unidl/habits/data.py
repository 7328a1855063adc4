"""Data of other libraries: what makes a source of it."""

from __future__ import annotations

# the library and the class, of an object or of one it inherits from
DATA: dict[str, str] = {
    "torch Dataset": "unidl.Trainer.fit(dataset, batch_size=32), which reads the targets from it: nothing stands beside it",
    "torch DataLoader": "unidl.Trainer.fit(loader), which reads the targets from it: nothing stands beside it",
    "keras PyDataset": "unidl.Trainer.fit(dataset), which reads the targets from it: nothing stands beside it",
    "tensorflow DatasetV2": "unidl.Trainer.fit(dataset.batch(32)), without batch(…) where it has batches already",
}


def data_source(value: object) -> str | None:
    """unidl's way for an object of another library's data, or None."""
    for base in type(value).__mro__:
        way = DATA.get(f"{base.__module__.partition('.')[0]} {base.__name__}")
        if way is not None:
            return way
    return None
