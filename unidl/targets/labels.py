"""Integer labels: each is one of the classes, or left out by `ignore_index`."""

from __future__ import annotations

from contextvars import ContextVar

import numpy as np

from unidl.errors import DataError
from unidl.within import within

# Whether labels were looked at as arrays, before they became the tensors that losses and metrics see now
_checked: ContextVar[bool] = ContextVar("unidl_labels_checked", default=False)


def checked(inside: bool = True) -> within[bool]:
    """Inside, labels need no second look: they were checked as arrays, before they came to the device."""
    return within(_checked, inside)


def are_checked() -> bool:
    """Whether somebody looked at the labels as arrays already."""
    return _checked.get()


def check(what: str, labels: np.ndarray, classes: int | None, ignore_index: int | None = None) -> None:
    """Refuse labels that are none of the classes.

    Args:
        what: Who asks, for the message.
        labels: Integers, examples along the first axis.
        classes: How many there are; None where that is not known.
        ignore_index: A label that is left out.

    Raises:
        DataError: A label is outside [0, classes) and is not the one to leave out; it names the first such example.
    """
    if labels.dtype.kind == "b" or labels.size == 0:
        return
    if labels.min() >= 0 and (classes is None or labels.max() < classes):  # two fast passes, and no array beside
        return
    found = find(labels, classes, ignore_index)
    if found is not None:
        raise outside_classes(what, *found, classes, ignore_index)


def find(labels: np.ndarray, classes: int | None, ignore_index: int | None) -> tuple[int, tuple[int, ...]] | None:
    """The first label that is none of the classes, and its index; None where there is none."""
    outside = labels < 0 if classes is None else (labels < 0) | (labels >= classes)
    if ignore_index is not None:
        outside &= labels != ignore_index
    if not outside.any():
        return None
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(outside)), labels.shape))
    return int(labels[index]), index


def outside_classes(
    what: str, label: int | None, index: tuple[int, ...], classes: int | None, ignore_index: int | None = None
) -> DataError:
    """The one error for a label that is none of the classes.

    Args:
        what: Who found it.
        label: It; None where only a device knows it.
        index: Where it is among the labels, the example first; empty where only a device knows it.
        classes: How many there are.
        ignore_index: The label that is left out, if there is one.
    """
    received = "a label outside of them" if label is None else str(label)
    if index:
        received += f", of example {index[0]}"
        received += f" at {index[1:]}" if len(index) > 1 else ""
    many = "0 or more" if classes is None else f"0 to {classes - 1}, for predictions with {classes} classes"
    return DataError(
        f"{what}: a label is none of the classes.",
        expected=many + ("" if ignore_index is None else f", or ignore_index={ignore_index}"),
        received=received,
        fix="Number the classes from 0, or end the model with a unit for each of them; ignore_index= names a label to leave out.",
    )
