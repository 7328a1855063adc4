"""Write docs/dictionary.md from the table that feeds the errors, unidl.habits:  python docs/dictionary.py."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from unidl import habits

PAGE = Path(__file__).with_name("dictionary.md")

HEAD = """\
# Dictionary: what you type from habit, and unidl's way

Made from the table that feeds the errors; after a change of `unidl/habits/` run `python docs/dictionary.py`. Whatever stands on
the left ends in an error that says what stands on the right, unless a section says that it is understood.
"""

LATER = """
## Not there yet

What unidl does not have, and how one writes it today. Capitals and underscores do not count in these words.
"""

SECTIONS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("Backends", "In `UNIDL_BACKEND`, `unidl.set_backend`, `unidl.using` and `backend=`.", habits.BACKENDS),
    (
        "Devices",
        "In `UNIDL_DEVICE` and `device=`. `cuda`, `cuda:1` and `mps` are understood: the GPU that the framework sees.",
        habits.DEVICES,
    ),
    ("Names in `unidl`", "", habits.TOP),
    ("Models and layers: attributes and methods", "Asked of a model or a layer.", habits.MODEL),
    *(
        (
            f"Methods of a user-defined {name}",
            "A class that defines these, which unidl never calls, raises an error.",
            table,
        )
        for name, table in habits.METHODS.items()
    ),
    ("Layers", "Names in `unidl.layers`.", habits.LAYERS),
    ("Operations", "Names in `unidl.ops`.", habits.OPS),
    ("Tensors", "Methods and attributes of a framework's tensor, in `forward`.", habits.TENSOR),
    ("Activations by name", "Understood.", habits.ACTIVATIONS),
    ("Initializers by name", "Understood.", habits.INITIALIZERS),
    ("Initializers", "Names in `unidl.initializers`, and names given as a text.", habits.INITIALIZER_NAMES),
    ("Losses by name", "Understood.", habits.LOSS_ALIASES),
    ("Losses", "Names given to the Trainer, and names in `unidl.losses`.", habits.LOSSES),
    ("Metrics", "Names given to the Trainer, and names in `unidl.metrics`.", habits.METRICS),
    ("Optimizers", "Names given to the Trainer, and names in `unidl.optimizers`.", habits.OPTIMIZERS),
    ("Schedules", "Names in `unidl.schedules`.", habits.SCHEDULES),
    ("Callbacks", "Names in `unidl.callbacks`.", habits.CALLBACKS),
    ("Data", "Names in `unidl.data`.", habits.SOURCES),
    ("A run's history", "Asked of what `fit` returns.", habits.HISTORY),
    ("Export formats", "Given to `unidl.export`.", habits.FORMATS),
    ("Endings of files", "Given to `model.save` and `trainer.save`.", habits.ENDINGS),
    ("Arguments", "Of any layer, loss, metric or optimizer.", habits.ARGUMENTS),
)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, text, table in SECTIONS:
        parts += [f"\n## {title}\n", *([f"{text}\n"] if text else []), *rows(table)]
    parts.append("\n## Arguments of one class or method\n")
    parts += ["| of | argument | unidl |", "|---|---|---|"]
    for name, table in sorted(habits.ARGUMENTS_OF.items()):
        parts += [f"| `{name}` | `{word}` | {written(way)} |" for word, way in table.items()]
    parts.append(LATER)
    for family, table in habits.LATER.items():
        parts += [
            f"\n### {family.capitalize()}\n",
            f"Any other: {habits.GENERIC[family]}\n",
            *(rows(table) if table else []),
        ]
    return "\n".join(parts) + "\n"


def rows(table: Mapping[str, str]) -> Iterator[str]:
    """A table of two columns."""
    yield from ("| you type | unidl |", "|---|---|")
    yield from (f"| `{word}` | {written(way)} |" for word, way in in_order(table))


def in_order(table: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """By the alphabet, capitals with small letters."""
    return sorted(table.items(), key=lambda row: (row[0].lower(), row[0]))


def written(way: str) -> str:
    """A sentence as it is, everything else as code."""
    text = way.replace("|", "\\|")
    return text if way[0].isupper() and way.endswith(".") else f"`{text}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf8")
