"""What layers, attributes, weights, inputs, outputs and keys may be called: the one place that decides, and the one message.

A layer, an attribute and a weight have a Python identifier: it stands in code and in paths. An input, an output and a key of a dict of
layers have any text that a line can show; where a format takes less, a safe name stands for it there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from typing import Any

from unidl.errors import ArgumentError
from unidl.visible import visible

LONGEST = 255  # letters: as the names of files

# what layers and models have themselves: the layers of a model are attributes of it (tests/models/test_names.py compares)
IN_MODELS = frozenset(
    [
        "_binding", "_call_unbound", "_input", "_input_refs", "_inputs", "_named", "_need_binding", "_need_built", "_no_attribute",
        "_order", "_output_refs", "_repr_html_", "_set_trainable", "_steps", "_unidl", "add_loss", "add_weight", "backend", "build", "check_known",
        "check_rank", "copy", "copy_from", "describe_arguments", "device", "exchange_sublayer", "forward", "freeze", "from_arguments",
        "inputs", "is_built", "layers", "lowering", "name", "native", "output_shape", "outputs_at", "precision", "predict", "replace",
        "save", "set_weights", "setup", "sublayers", "summary", "trainable_slots", "training", "unfreeze", "update", "weight_slots",
        "weights",
    ]
)  # fmt: skip

IDENTIFIER = "a Python identifier: the name becomes part of weight paths and an attribute of the native object"
MIXED = "keys of one kind in a dict: all texts, or all integers"
LABEL = f"text of 1 to {LONGEST} letters that one line can show"


def check_identifier(what: str, name: Any, taken: Collection[str] = ()) -> None:
    """Refuse a name that a layer, an attribute or a weight cannot have.

    Args:
        what: Whose name it is to be, as the message begins: "Dense", "A weight of Dense 'head'".
        name: The name.
        taken: Names that are unidl's own there.

    Raises:
        ArgumentError: It is no identifier, or taken.
    """
    if not isinstance(name, str) or not name.isidentifier() or len(name) > LONGEST:
        raise _refused(what, name, IDENTIFIER)
    normal = unicodedata.normalize("NFKC", name)
    if normal != name:
        raise _refused(what, name, IDENTIFIER, f"Python reads it as {normal!r}: use that.")
    if name in taken or (name.startswith("__") and name.endswith("__")):
        free = f"{name}_"
        other = None if name.startswith("_") or free in taken else f"Another name works: {free!r}, for example."
        raise _refused(what, name, "a name that unidl and Python do not use themselves", other)


def check_label(what: str, name: Any) -> None:
    """Refuse a name that an input or an output cannot have.

    Raises:
        ArgumentError: It is no text, empty, or has control characters.
    """
    if not isinstance(name, str) or not name or visible(name) != name or len(name) > LONGEST:
        raise _refused(what, name, LABEL)


def check_keys(what: str, nest: Any) -> None:
    """Refuse keys that a dict of inputs or outputs cannot have, wherever in a nest it stands: TensorFlow and Keras sort them.

    What is no text may be one, and "".

    Raises:
        ArgumentError: A text is no label, or keys of one dict cannot be sorted.
    """
    if isinstance(nest, Mapping):
        for key, item in nest.items():
            if isinstance(key, str) and key:
                check_label(what, key)
            check_keys(what, item)
        try:
            sorted(nest)
        except TypeError as error:
            raise _refused(what, next(key for key in nest if not isinstance(key, str)), MIXED) from error
    elif isinstance(nest, (list, tuple)):
        for item in nest:
            check_keys(what, item)


def check_layer_keys(what: str, keys: Collection[Any]) -> None:
    """Refuse keys that a dict of layers cannot have: they are parts of paths.

    Raises:
        ArgumentError: Two are one text, or one is no label or has a "/".
    """
    texts = [str(key) for key in keys]
    for text in texts:
        if not text.strip() or visible(text) != text or len(text) > LONGEST or "/" in text:
            raise _refused(what, text, f"{LABEL}, without '/'")
        if texts.count(text) > 1:
            raise _refused(what, text, "keys that differ as text")


def _refused(what: str, name: Any, expected: str, fix: str | None = None) -> ArgumentError:
    shown = repr(name) if isinstance(name, (str, int)) else f"a {type(name).__name__}"
    return ArgumentError(
        f"{what} cannot have the name {shown[:LONGEST]}.", expected=expected, received=shown[:LONGEST], fix=fix
    )
