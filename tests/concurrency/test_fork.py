"""A built model in the child of a fork: right numbers, or one typed error where its framework does not survive it. Never does it hang."""

import os

import pytest

from unidl.errors import ForkError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")

# The parent trains and predicts with two threads, so that their pools are there; the child says what it got
CODE = """
    import os, sys, warnings
    import numpy as np
    import unidl
    from unidl import layers

    warnings.simplefilter("ignore")  # Python's own of forks in a process with threads
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(512, 64)).astype("float32"), rng.integers(0, 2, 512)
    inner = [layers.Dense(64, activation="relu"), layers.BatchNormalization(), layers.Dense(2)]
    model = unidl.Sequential(inner).build((64,), backend={backend!r})
    trainer = unidl.Trainer(model, loss="cross_entropy")
    trainer.fit(x, y, progress=False)
    expected, weights = model.predict(x), model.weights()

    def built():
        return unidl.Sequential([layers.Dense(2)]).build((64,), backend={backend!r}).predict(x).shape == (512, 2)

    USES = {{
        "predict": lambda: np.allclose(model.predict(x), expected, atol=1e-5),
        "call": lambda: np.allclose(unidl.to_numpy(model(x)), expected, atol=1e-5),
        "weights": lambda: all(np.array_equal(w, weights[k]) for k, w in model.weights().items()),
        "set_weights": lambda: model.set_weights(weights) is None or True,
        "copy": lambda: np.allclose(model.copy().predict(x), expected, atol=1e-5),
        "build": built,
        "evaluate": lambda: trainer.evaluate(x, y)["loss"] < 10,
        "fit": lambda: trainer.fit(x, y, progress=False)["loss"][0] < 10,
    }}
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        for name, use in USES.items():
            try:
                found = str(bool(use()))
            except Exception as error:
                found = type(error).__name__
            os.write(writer, f"{{name}} {{found}}\\n".encode())
        os._exit(0)
    os.close(writer)
    import select, signal, time
    said, until = b"", time.monotonic() + 60
    while select.select([reader], [], [], max(0, until - time.monotonic()))[0]:
        read = os.read(reader, 4096)
        if not read:
            break
        said += read
    else:
        os.kill(child, signal.SIGKILL)
        said += b"it hangs\\n"
    os.waitpid(child, 0)
    print(said.decode(), end="")
    print("parent", np.array_equal(model.predict(x), model.predict(x)))
"""
USES = ("predict", "call", "weights", "set_weights", "copy", "build", "evaluate", "fit")
TWO_THREADS = {"OMP_NUM_THREADS": "2", "TF_NUM_INTRAOP_THREADS": "2", "TF_NUM_INTEROP_THREADS": "2"}


def test_a_model_in_a_forked_child(backend, fresh):
    survives = backend == "torch" or (backend == "keras" and os.environ["KERAS_BACKEND"] == "torch")
    found = fresh(CODE.format(backend=backend), env={"KERAS_BACKEND": os.environ["KERAS_BACKEND"], **TWO_THREADS})
    expected = "True" if survives else ForkError.__name__
    assert found.stdout.splitlines() == [*(f"{use} {expected}" for use in USES), "parent True"]


def test_a_parent_that_only_imported_it(backend, fresh):
    """Then the child may do as it likes."""
    code = f"""
        import os
        import numpy as np
        import unidl
        from unidl import layers
        from unidl.backends import registry

        registry.load({backend!r})
        child = os.fork()
        if not child:
            m = unidl.Sequential([layers.Dense(2)]).build((4,), backend={backend!r})
            os._exit(0 if m.predict(np.ones((3, 4), "float32")).shape == (3, 2) else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert fresh(code, env={"KERAS_BACKEND": os.environ["KERAS_BACKEND"], **TWO_THREADS}).stdout.strip() == "0"
