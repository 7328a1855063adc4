"""`unidl.plot`: a picture of a history's curves or of a model's layers, for a notebook, a terminal and a file."""

from __future__ import annotations

import functools
import html
import io
import os
from collections.abc import Callable, Mapping

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from unidl.callbacks import LearningRateFinder
from unidl.capture import told_arguments
from unidl.errors import ArgumentError
from unidl.files import checked_path, write_bytes, write_text
from unidl.insight.drawing import svg
from unidl.insight.plots import curves
from unidl.insight.plots.layer_tree import tree
from unidl.inspection.layer_graph import layer_graph
from unidl.models import Model
from unidl.terminal import printable
from unidl.training import History
from unidl.visible import visible

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>:root {{color-scheme: light dark}} body {{font-family: sans-serif}} svg {{max-width: 100%; height: auto}}</style></head>
<body>
{picture}
</body>
</html>
"""


class Plot:
    """A picture; what `unidl.plot` makes.

    Args:
        title: Of what.
        picture: Makes it as SVG, with the colours of its surroundings (`currentColor`).
        characters: Makes it for a terminal, with colours or without.
        png: Makes it as PNG; None where it has no such form.
    """

    def __init__(
        self,
        title: str,
        picture: Callable[[], str],
        characters: Callable[[bool], RenderableType],
        png: Callable[[], bytes] | None,
    ) -> None:
        self.title = title
        self._picture = functools.cache(picture)  # a notebook asks for it in several forms
        self._characters = characters
        self._png = png

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file; its ending says how.

        Args:
            path: "x.svg", "x.html", or "x.png" for curves.

        Raises:
            ArgumentError: It has another ending.
            FileError: The file cannot be written.
        """
        target = checked_path(path, "plot.save")
        if target.suffix == ".svg":
            write_text(target, self._repr_svg_(), "plot.save")
        elif target.suffix == ".html":
            page = PAGE.format(title=html.escape(self.title), picture=self._picture())
            write_text(target, page, "plot.save")
        elif target.suffix == ".png" and self._png is not None:
            write_bytes(target, self._png(), "plot.save")
        else:
            forms = ".svg, .html" if self._png is None else ".svg, .html, .png"
            raise ArgumentError(
                f"The picture of {self.title} cannot be saved as {target.name!r}.",
                expected=f"one of the endings {forms}",
                received=repr(target.suffix),
            )

    def __repr__(self) -> str:
        return visible(f"<Plot of {self.title}: print() draws it here, .save() writes a file>")

    def __str__(self) -> str:
        console = Console(no_color=True, width=120, file=io.StringIO())
        with console.capture() as captured:
            console.print(self._characters(False))
        return printable(captured.get().rstrip("\n"))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """For rich's print."""
        yield self._characters(console.color_system is not None and not console.no_color)

    def _repr_html_(self) -> str:
        """For a notebook."""
        return f'<div style="overflow-x: auto; color: inherit">{self._picture()}</div>'

    def _repr_svg_(self) -> str:
        """For what shows pictures alone: it follows the reader's choice of light or dark by itself."""
        style = "<style>svg{color:#222}@media (prefers-color-scheme:dark){svg{color:#ddd}}</style>"
        picture = self._picture()
        end = picture.index(">", picture.index("<svg")) + 1
        return picture[:end] + style + picture[end:]


@told_arguments
def plot(what: Model | History | LearningRateFinder | Mapping[str, History]) -> Plot:
    """A picture of a model's layers, of the curves of one history or several, or of what a learning-rate finder found.

    In a notebook it is shown as it stands there, in light or dark. In a terminal `print(unidl.plot(history))` draws the curves with
    characters, and a model's layers as a tree. `.save("x.svg")`, "x.html" or, for curves, "x.png" writes a file.

    Args:
        what: A model that is built or knows its inputs; a History; or several by name, {"torch": history, …}, which are laid over one
            another. Dashed curves were measured on validation data. Or a callbacks.LearningRateFinder, after `fit`.

    Raises:
        MissingPackageError: The packages that draw are not installed; the message names the extra, `plot`.
        NotBuiltError: The model does not know its inputs yet.
        ArgumentError: It is neither.

    Example:
        >>> import numpy, unidl
        >>> history = unidl.History([{"loss": 3.0}, {"loss": 1.0}], numpy.array([4.0, 2.0, 1.0, 1.0]))
        >>> unidl.plot(history)
        <Plot of a history: print() draws it here, .save() writes a file>
        >>> unidl.plot({"Adam": history, "SGD": history})._repr_svg_()[:4]
        '<svg'
    """
    if isinstance(what, Model):
        graph = layer_graph(what)
        return Plot(f"the layers of {what.name}", lambda: svg(graph), lambda colour: tree(graph), None)
    if isinstance(what, LearningRateFinder):
        _need_packages()
        return _of_curves("a learning-rate range test", [curves.range_test(what)])
    histories = dict(what) if isinstance(what, Mapping) else {"": what}
    for given in histories.values() or [what]:
        if not isinstance(given, History):
            within = "a dict with " if isinstance(what, Mapping) else ""
            raise ArgumentError(
                "plot does not know what to draw.",
                expected="a model, a History, a dict of name -> History, or a LearningRateFinder",
                received=within + type(given).__name__,
                fix="plot(trainer.fit(…)) draws the curves, plot(trainer.model) the layers.",
            )
    _need_packages()
    title = f"the histories {', '.join(histories)}" if isinstance(what, Mapping) else "a history"
    return _of_curves(title, curves.panels(histories))


def _need_packages() -> None:
    for package in ("matplotlib", "plotille"):
        curves.need(package)


def _of_curves(title: str, drawn: list[curves.Panel]) -> Plot:
    return Plot(
        title,
        lambda: curves.picture(drawn, "svg").decode(),
        lambda colour: Text.from_ansi(curves.characters(drawn, colour)),
        lambda: curves.picture(drawn, "png"),
    )
