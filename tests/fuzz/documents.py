"""Model files with hostile and with honest odd texts in the place of theirs."""

from __future__ import annotations

import copy
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors.numpy

import unidl
from unidl import layers, ops

MARK = "EVIL"  # stands in every text that is put into a file; the tests look where it comes out

HOSTILE = (
    'a"; EVIL(); "b', "a'; EVIL(); 'b", 'a": EVIL() or None, "b', 'k" if EVIL() else "y', 'k/x" if EVIL() else "y', "')+EVIL()+('",
    '"""+str(EVIL())+"""', "'''+EVIL()+'''", "x\nEVIL()\n", "x\r\nimport EVIL\r", "x\u2028EVIL()", "EVIL", "EVIL()", "{EVIL()}",
    "{0.__class__.EVIL}", "%(EVIL)s", "\\EVIL", "EVIL\\", '\\"EVIL', "EVIL\\'", "EVIL)]}", "([{EVIL", "# EVIL", "EVIL #", "a/EVIL", "/EVIL",
    "a.EVIL", "../../EVIL", "\x1b[2JEVIL", "\x1b]0;EVIL\x07", "\x9bEVIL", "\u202eEVIL\u202c", "EVIL\ud800", "EVIL\0",
    "__import__('os').system('EVIL')", "lambda: EVIL", "EVIL := 1", "a if EVIL else b", "*EVIL", "**EVIL", "EVIL,", "EVIL;", "float32) or EVIL(",
    "<script>EVIL</script>", "</script><script>EVIL//", "&EVIL;", "--><EVIL x='", "]]>EVIL", '"><img src=x onerror="EVIL', "'/><EVIL>",
    "$(EVIL)", "`EVIL`", "; EVIL #", "| EVIL", "[/EVIL]", "[bold]EVIL", "[link=EVIL]", ":EVIL:", "__EVIL__", "self.EVIL", "EVIL.py",
)  # fmt: skip
HONEST = (
    "größe EVIL", '5" EVIL', "it's EVIL", "{EVIL}", "EVIL in %", "class EVIL", "日本 EVIL", "EVIL 🙂", "1 EVIL", "\\alpha EVIL", "lambda EVIL",
    "EVIL_2", "évil EVIL", "e\u0301EVIL", "EVIL·½²",
)  # fmt: skip
WORDS = (
    "lambda",
    "class",
    "None",
    "1",
    "2",
    "in",
    "self",
    "x",
    "training",
    "keys",
    "dense",
    "add",
    "forward",
    "layers",
    "ﬁ",
    "",
)
LETTERS = "\"'\\{}[]()#\n\r\t\x00\x1b \u2028%$,.:;=/<>&ab1_ü"


@unidl.register("fuzz.Heads")
class Heads(unidl.Model):
    """A head for each task: \\alpha "quoted"."""

    def __init__(self, heads: dict[Any, Any], more: Any = None) -> None:
        self.heads, self.more = heads, more

    def forward(self, x: Any) -> Any:
        return {str(key): head(x) for key, head in self.heads.items()}


@unidl.register("fuzz.Titled")
class Titled(unidl.Layer):
    """Holds a text, and numbers that reach its code."""

    def __init__(self, title: str, alpha: float = 0.5, parts: int = 2) -> None:
        self.title, self.alpha, self.parts = title, alpha, parts

    def setup(self, shape: Any) -> None:
        self.add_weight("gain", (shape[-1],), "ones")

    def forward(self, x: Any) -> Any:
        y = ops.elu(x * self.gain, alpha=self.alpha)
        return ops.concatenate(ops.split(y, self.parts, axis=-1), axis=-1)


@unidl.register("fuzz.Stack")
class Stack(unidl.Layer):
    """A list of layers."""

    def __init__(self, blocks: Any) -> None:
        self.blocks = blocks

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return x


def _graph() -> unidl.Model:
    left, right = unidl.Input((4,), name="left input"), unidl.Input((4,), name="right")
    shared = layers.Dense(4, activation="relu", name="shared")
    a, b = shared(left), shared(right)
    y = ops.einsum("bi,bi->bi", a, b) + ops.elu(a, alpha=0.3)
    y = ops.leaky_relu(ops.clip(y, low=-1.0, high=1.0), slope=0.2)
    y = ops.pad(ops.expand_dims(y, axis=1), ((0, 0), (1, 0), (0, 0)), mode="constant", value=0.5)[:, 0]
    return unidl.Model(
        {"left": left, "right": right},
        {"out": layers.Dense(2, name="last")(layers.Dropout(0.1)(y)), "sum": ops.sum(y, axis=-1, keepdims=True)},
    )


def _bases() -> dict[str, unidl.Model]:
    heads = Heads({"cat": layers.Dense(2), "dog": layers.Dense(3), 3: layers.Dense(1)}, more=["a text", {"a key": 1}])
    stack = unidl.Sequential(
        [
            unidl.Input((4,)),
            Stack([layers.Dense(4), layers.Dense(4)]),
            Titled("a title"),
            layers.Dense(2, "tanh", name="head"),
        ],
        name="stack",
    )
    images = unidl.Sequential(
        [
            unidl.Input((8, 8, 2)),
            layers.Conv2D(2, 3, padding="same"),
            layers.UpSampling2D(2, interpolation="bilinear"),
            layers.Flatten(),
        ]
    )
    return {
        "graph": _graph(), "built graph": _graph().build(backend="torch"), "heads": heads.build((4,), backend="torch"), "stack": stack,
        "images": images,
    }  # fmt: skip


# the texts of these models that are their authors': names, keys, arguments that are text
FREE = frozenset(
    [
        *("left", "right", "left input", "shared", "last", "out", "sum", "stack", "a title", "head", "heads", "images"),
        *("cat", "dog", "a text", "a key"),
    ]
)


class Base:
    """A model's file, taken apart.

    Args:
        path: Where it is written for a moment.
        model: The model.
    """

    def __init__(self, path: Path, model: unidl.Model) -> None:
        self.model = model
        model.save(path)
        with zipfile.ZipFile(path) as file:
            self.document = json.loads(file.read("unidl.json"))
            self.weights = safetensors.numpy.load(file.read("weights.safetensors"))

    def changed(self, rng: random.Random) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        """Another document, its weights, and the texts that were put into it."""
        document, weights = copy.deepcopy(self.document), dict(self.weights)
        put = []
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            new = text(rng)
            put.append(new)
            places = list(_texts(document["objects"])) + list(_texts(document["built"]))
            chosen, everywhere = places, 0.7
            if rng.random() < 0.7:  # a text that is free, wherever it stands: such a file is honest
                chosen, everywhere = [(holder, key) for holder, key in places if holder[key] in FREE], 1.0
            elif rng.random() < 0.3:  # a text where a number stood
                chosen = list(_numbers(document["objects"]))
            holder, key = rng.choice(chosen or places)
            old = holder[key]
            if isinstance(old, str) and rng.random() < everywhere:
                for other, at in places:
                    if other[at] == old:
                        other[at] = new
                weights = {
                    "/".join(new if part == old else part for part in path.split("/")): w for path, w in weights.items()
                }
            else:
                holder[key] = new
        return document, weights, put


def text(rng: random.Random) -> str:
    """A text: hostile, honest and odd, or of letters that mean something somewhere."""
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(HOSTILE)
    if kind < 0.7:
        return rng.choice(HONEST)
    if kind < 0.8:
        return rng.choice(WORDS)
    letters = "".join(rng.choice(LETTERS) for _ in range(rng.randint(1, 8)))
    cut = rng.randint(0, len(letters))
    return letters[:cut] + MARK + letters[cut:]


def bases(folder: Path) -> dict[str, Base]:
    """The files from which others are made."""
    return {name: Base(folder / "base.unidl", model) for name, model in _bases().items()}


def write(path: Path, document: dict[str, Any], weights: dict[str, Any]) -> bool:
    """Write a file; False where its weights' names cannot even be written."""
    try:
        packed = safetensors.numpy.save(weights)
        content = json.dumps(document).encode()
    except UnicodeEncodeError:
        return False
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("unidl.json", content)
        file.writestr("weights.safetensors", packed)
    return True


def _texts(nest: Any) -> Iterator[tuple[Any, Any]]:
    """Each text of a document that says something: its holder and key."""
    for key, value in nest.items() if isinstance(nest, dict) else enumerate(nest) if isinstance(nest, list) else ():
        if isinstance(value, str) and key != "$":
            yield nest, key
        else:
            yield from _texts(value)


def _numbers(nest: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in nest.items() if isinstance(nest, dict) else enumerate(nest) if isinstance(nest, list) else ():
        if isinstance(value, (int, float)) and not isinstance(value, bool) and key not in ("index", "number"):
            yield nest, key
        else:
            yield from _numbers(value)
