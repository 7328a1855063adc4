"""Keras itself, imported after its engine was chosen."""

from unidl.backends import keras_engine as keras_engine  # isort: skip  (must run before Keras is imported)

from unidl.errors import BackendUnavailableError

try:
    import keras as keras
except ModuleNotFoundError as error:  # Keras is there, or nobody would come here
    raise BackendUnavailableError(
        f"Backend 'keras' cannot run: its engine needs the package {error.name!r}, which is not installed.",
        expected=f"one of {', '.join(keras_engine.ENGINES)}, named by KERAS_BACKEND or keras.json, else the first installed",
        fix="Install an engine with Keras, for example:  pip install 'unidl[keras,torch]'\n"
        "Or set KERAS_BACKEND to one that is installed.",
    ) from error

ENGINE: str = keras.backend.backend()  # "tensorflow", "torch" or "jax": one a process
