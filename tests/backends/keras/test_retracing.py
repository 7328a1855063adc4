"""Several Trainers in one process are several functions, and TensorFlow does not take them for one that is traced again and again."""

import logging

import numpy as np
import pytest

import unidl
from unidl import layers
from unidl.backends import registry

X = np.ones((4, 3), "float32")


@pytest.mark.parametrize("backend", ["keras", "tensorflow"])
def test_no_warning_of_retracing(backend, monkeypatch):
    if registry.load(backend).ENGINE not in (None, "tensorflow"):
        pytest.skip("the engine traces nothing")
    polymorphic = pytest.importorskip(
        "tensorflow.python.eager.polymorphic_function.polymorphic_function",
        reason="TensorFlow counts its retraces elsewhere in this release",
    )
    counted = type(
        polymorphic._frequent_tracing_detector_manager
    )()  # other tests have traced, and it warns twice at most
    monkeypatch.setattr(polymorphic, "_frequent_tracing_detector_manager", counted)
    told = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())
    logger = logging.getLogger("tensorflow")
    logger.addHandler(handler)
    try:
        for _ in range(6):
            trainer = unidl.Trainer(unidl.Sequential([layers.Dense(3)]), loss="mse", backend=backend)
            trainer.fit(X, X, batch_size=2, progress=False)
    finally:
        logger.removeHandler(handler)
    assert [line for line in told if "retracing" in line] == []
