"""The backends' folders hold the same file names, so that a reader can lay them side by side."""

from pathlib import Path

import pytest

import unidl

FOLDERS = {name: Path(unidl.__file__).parent / "backends" / name for name in ("torch", "tensorflow", "keras")}

# backend/file -> why the others have none
EXCEPTIONS = {
    "tensorflow/tracing.py": "only TensorFlow makes a graph of a definition before it runs",
    "tensorflow/inspection/dataflow.py": "only TensorFlow has a graph of the program before it runs",
    "tensorflow/inspection/optimized.py": "only TensorFlow tells what its graph optimizer made of it",
    "tensorflow/invariant.py": "only TensorFlow has a loop in the graph, before which something can be made",
    "tensorflow/ops/convolution_gradient.py": "only on TensorFlow is a kernel of a gradient so slow that others are worth having",
    "torch/fast_path.py": "only torch's modules have hooks, for which they are called; where there are none, their function does",
    "torch/native.py": "TensorFlow has no layers outside Keras of which a row could be (docs/design/rows.md)",
    "keras/native.py": "TensorFlow has no layers outside Keras of which a row could be (docs/design/rows.md)",
    **{
        f"tensorflow/source/{file}.py": "torch's and Keras' layers are written by their rows (docs/design/rows.md)"
        for file in ("layers", "images", "sequences")
    },
    "torch/inspection/autograd.py": "only torch writes down a graph of each call",
    "keras/engine.py": "only Keras runs on an engine that somebody chooses",
    "keras/vanilla.py": "only Keras' own format names classes, and some lowerings are small subclasses of them",
    "keras/prediction.py": "only a Keras model runs op by op where it is called, and as a graph where it predicts",
    "keras/deferred.py": "only Keras has symbolic tensors of its own, on which an op must be recorded once more",
}


def missing(folders: dict[str, Path], exceptions: dict[str, str]) -> list[str]:
    """The files that one folder lacks and another has."""
    files = {
        name: {str(path.relative_to(folder)) for path in folder.rglob("*.py")} - _excepted(name, exceptions)
        for name, folder in folders.items()
    }
    everywhere = set().union(*files.values())
    return [f"{name}/{file}" for name in folders for file in sorted(everywhere - files[name])]


def _excepted(name: str, exceptions: dict[str, str]) -> set[str]:
    return {key.partition("/")[2] for key in exceptions if key.startswith(f"{name}/")}


def test_the_folders_hold_the_same_files():
    assert missing(FOLDERS, EXCEPTIONS) == []


def test_every_exception_is_there():
    for file, why in EXCEPTIONS.items():
        name, _, rest = file.partition("/")
        assert (FOLDERS[name] / rest).exists(), f"{file} is no more ({why})"


@pytest.mark.parametrize("file", ["odd.py", "ops/odd.py"])
def test_an_odd_file_is_told(file, tmp_path):
    folders = {name: tmp_path / name for name in FOLDERS}
    for folder in folders.values():
        (folder / "ops").mkdir(parents=True)
        (folder / "ops" / "same.py").touch()
    assert missing(folders, {}) == []
    (folders["torch"] / file).touch()
    assert missing(folders, {}) == [f"tensorflow/{file}", f"keras/{file}"]
    assert missing(folders, {f"torch/{file}": "a reason"}) == []
