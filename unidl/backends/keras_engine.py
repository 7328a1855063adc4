"""Keras' engine, chosen before anything imports Keras; importing this module chooses it.

Importing TensorFlow imports Keras and so fixes its engine for the process. Whoever imports either comes here first. Nothing is
chosen where the user did: Keras is imported already, `KERAS_BACKEND` is set, or `keras.json` names an engine that is installed.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

VARIABLE = "KERAS_BACKEND"
ENGINES = ("tensorflow", "torch", "jax")  # the first installed is taken


def _configured() -> str | None:
    """The engine that the user's keras.json names."""
    home = os.environ.get("KERAS_HOME")
    path = (Path(home).expanduser() if home else Path.home() / ".keras") / "keras.json"
    try:
        engine = json.loads(path.read_text()).get("backend")
    except (OSError, ValueError):  # absent or unreadable: Keras ignores it too
        return None
    return engine if isinstance(engine, str) else None


def choose() -> None:
    """Set KERAS_BACKEND to the first installed engine, unless the user chose."""
    if "keras" in sys.modules or os.environ.get(VARIABLE):
        return
    configured = _configured()
    # Keras writes a keras.json that says "tensorflow" by itself, even where TensorFlow is not installed
    if configured is not None and importlib.util.find_spec(configured) is not None:
        return
    for engine in ENGINES:
        if importlib.util.find_spec(engine) is not None:
            os.environ[VARIABLE] = engine
            return


choose()
