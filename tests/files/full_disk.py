"""`python -m tests.files.full_disk BACKEND FOLDER`: everything that writes, where no file may grow beyond some bytes.

The kernel refuses the write, as on a full disk (RLIMIT_FSIZE; with EFBIG where a disk has ENOSPC). What is no typed error, leaves
something behind, or changes what was there, is printed.
"""

import gc
import resource
import sys
from pathlib import Path

import numpy as np

import unidl
from unidl import layers
from unidl.errors import ExportError, FileError

FORMATS = {"torch": ("pt2", "onnx"), "keras": ("keras",), "tensorflow": ("savedmodel", "litert")}
ENDINGS = {"savedmodel": "", "litert": ".tflite"}
ROOM = 50_000
X = np.ones((8, 20), "float32")


def model(backend, units):
    return unidl.Sequential([layers.Dense(units), layers.Dense(1)]).build((20,), backend=backend)


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def writers(backend, folder):
    """What writes -> how: (a small model), (a large one). A folder cannot be written over."""

    def trainer(m):
        t = unidl.Trainer(m, "mse")
        t.fit(X, X[:, :1], progress=False)
        return t

    def checkpoint(m):
        t = trainer(m)
        unidl.callbacks.Checkpoint(folder).save(t)

    yield "model.save", lambda m: m.save(folder / "m.unidl"), True
    yield "trainer.save", lambda m: trainer(m).save(folder / "t.unidl"), True
    yield "Checkpoint.save", checkpoint, True
    yield "eject", lambda m: unidl.eject(m, backend, folder / "ejected"), False
    seen = unidl.inspect(model(backend, 2), X)
    yield "inspection.save", lambda m: seen.save(folder / "seen.html"), None
    for form in FORMATS[backend]:
        target = folder / f"m{ENDINGS.get(form, f'.{form}')}"
        yield form, lambda m, form=form, target=target: unidl.export(m, form, target), form != "savedmodel"


def main(backend, folder):
    bad = []
    small, large = model(backend, 2), model(backend, 4000)
    for what, write, over in writers(backend, folder):
        if over:
            write(small)
        before = content(folder)
        room = 1000 if over is None else ROOM
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        try:
            write(small if over is None else large)
            bad.append(f"{what}: there was room")
        except (FileError, ExportError) as error:
            if not str(error) or (isinstance(error, FileError) and error.errno is None and error.received is None):
                bad.append(f"{what}: it does not say why")
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is reported
            bad.append(f"{what}: {type(error).__module__}.{type(error).__name__}: {error!s:.200}")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        after = content(folder)
        if after != before:
            bad.append(f"{what}: left {sorted(after.keys() ^ before.keys()) or 'another content'}")
        gc.collect()
    large.save(folder / "after.unidl")
    print("\n".join(bad) or "all right")
    return bool(bad)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    code = main(sys.argv[1], Path(sys.argv[2]))
    sys.exit(code)
