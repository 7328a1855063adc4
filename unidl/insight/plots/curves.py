"""The curves of histories: which panels there are, and how they are drawn as SVG and PNG, and with characters."""

from __future__ import annotations

import importlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from unidl import distribution
from unidl.backends import registry
from unidl.callbacks import LearningRateFinder
from unidl.errors import ArgumentError, MissingPackageError
from unidl.training import History
from unidl.training.rates import is_rate
from unidl.visible import visible

POINTS = 1_000  # more in a curve are drawn as means of neighbours
HELD_OUT = "val_"

# Okabe and Ito's colours, which the colour-blind tell apart, without their black and yellow: they are to be seen in light and dark
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
TERMINAL = ("blue", "red", "green", "magenta", "cyan", "yellow")
INK = "#010203"  # of text and lines; the surroundings' colour takes its place in the SVG

WIDTH, HEIGHT = 50, 10  # characters of a panel in a terminal


@dataclass(frozen=True)
class Curve:
    """One line of a panel.

    Args:
        label: In the legend.
        run: The number of the history that it is of: it has that colour.
        held_out: Whether it was measured on validation data.
        x: Steps or epochs.
        y: Numbers; one that is not finite is a gap.
    """

    label: str
    run: int
    held_out: bool
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Panel:
    """Curves that share their axes.

    Args:
        title: What is drawn.
        axis: What lies along the x axis.
        curves: The lines.
    """

    title: str
    axis: str
    curves: tuple[Curve, ...]


def panels(histories: Mapping[str, History]) -> list[Panel]:
    """The loss of each step, and each number of the epochs beside the same on validation data."""
    found = [_steps(histories)]
    names = dict.fromkeys(name.removeprefix(HELD_OUT) for history in histories.values() for name in history.names())
    for name in names:
        if name != "seconds" and not is_rate(name):
            curves = [
                Curve(_label(run, each), i, each != name, *_epochs(history, each))
                for i, (run, history) in enumerate(histories.items())
                for each in (name, HELD_OUT + name)
                if each in history.names()
            ]
            found.append(Panel(visible(name), "epoch", tuple(curves)))
    return [panel for panel in found if any(np.isfinite(curve.y).any() for curve in panel.curves)]


def range_test(finder: LearningRateFinder) -> Panel:
    """The loss of each step of a learning-rate range test, and its running mean.

    Raises:
        ArgumentError: There was none yet.
    """
    if not len(finder.losses):
        raise ArgumentError(
            "This LearningRateFinder has not run yet.",
            fix="trainer.fit(…, callbacks=[finder]), then unidl.plot(finder).",
        )
    x, mean = np.log10(finder.learning_rates), finder.smoothed()
    lines = (Curve("loss", 0, False, x, _finite(finder.losses)), Curve("running mean", 1, False, x[: len(mean)], mean))
    found = "" if finder.suggestion is None else f"; falls fastest at {finder.suggestion:.3g}"
    return Panel(f"loss{found}", "log10 of the learning rate", lines)


def _steps(histories: Mapping[str, History]) -> Panel:
    curves, axis = [], "step"
    for i, (run, history) in enumerate(histories.items()):
        y = np.asarray(history.step_loss, "float64")
        x = np.arange(1, len(y) + 1, dtype="float64")
        each = -(-len(y) // POINTS)
        if each > 1:
            cuts = np.arange(0, len(y), each)
            lengths = np.diff([*cuts, len(y)])
            x, y = np.add.reduceat(x, cuts) / lengths, np.add.reduceat(y, cuts) / lengths
            axis = f"step (means of {each})"
        curves.append(Curve(_label(run, "loss"), i, False, x, _finite(y)))
    return Panel("loss of each step", axis, tuple(curves))


def _epochs(history: History, name: str) -> tuple[np.ndarray, np.ndarray]:
    at = [(i + 1, epoch[name]) for i, epoch in enumerate(history.epochs) if name in epoch]
    return np.array([x for x, _ in at]), _finite(np.array([y for _, y in at], "float64"))


def _finite(y: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(y), y, np.nan)


def _label(run: str, name: str) -> str:
    return visible(f"{run}: {name}" if run else name)


# -- as a picture ------------------------------------------------------------------------------------------------------------


def picture(drawn: list[Panel], form: str) -> bytes:
    """The panels beside one another, drawn by matplotlib.

    Args:
        drawn: What to draw.
        form: "svg" or "png". The SVG has the colour of the text around it, the PNG is black on white.
    """
    need("matplotlib")
    matplotlib, figures = importlib.import_module("matplotlib"), importlib.import_module("matplotlib.figure")
    ink = INK if form == "svg" else "black"
    style: dict[str, Any] = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), ink)
    style |= dict.fromkeys(("xtick.color", "ytick.color", "grid.color"), ink)
    # text stays text (it can be read out and searched); the same curves make the same file
    style |= {
        "svg.fonttype": "none",
        "svg.hashsalt": "unidl",
        "font.size": 9,
        "grid.alpha": 0.2,
        "font.family": "sans-serif",
        "text.parse_math": False,  # a name with a dollar sign is no formula
    }
    out = io.BytesIO()
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph .* missing"
        )  # of a name in letters that the font lacks: the SVG has its text
        figure = figures.Figure(figsize=(4 * max(len(drawn), 1), 2.8), layout="constrained")
        for i, panel in enumerate(drawn):
            _draw(figure.add_subplot(1, len(drawn), i + 1), panel)
        metadata = {"Date": None} if form == "svg" else {}
        figure.savefig(out, format=form, transparent=form == "svg", dpi=150, metadata=metadata)
    made = out.getvalue()
    return made[made.index(b"<svg") :].replace(INK.encode(), b"currentColor") if form == "svg" else made


def _draw(axes: Any, panel: Panel) -> None:
    runs = 1 + max(curve.run for curve in panel.curves)
    for curve in panel.curves:
        axes.plot(
            curve.x, curve.y, label=f" {curve.label}" if curve.label[:1] == "_" else curve.label, color=COLOURS[curve.run % len(COLOURS)],
            linewidth=1.2 + 1.8 * (runs - 1 - curve.run),  # curves that agree lie in one another, and all are seen
            linestyle="--" if curve.held_out else "-", marker="." if len(curve.x) < 30 else "",
        )  # fmt: skip
    axes.set_title(panel.title)
    axes.set_xlabel(panel.axis)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(visible=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


# -- with characters ---------------------------------------------------------------------------------------------------------


def characters(drawn: list[Panel], colour: bool) -> str:
    """The panels below one another, drawn by plotille; a letter marks each curve, with or without colours."""
    need("plotille")
    return "\n\n".join(_plotted(panel, colour) for panel in drawn)


def _plotted(panel: Panel, colour: bool) -> str:
    figure = importlib.import_module("plotille").Figure()
    figure.width, figure.height, figure.with_colors = WIDTH, HEIGHT, colour
    figure.x_label, figure.y_label = panel.axis, ""
    figure.register_label_formatter(float, _tick)
    figure.register_label_formatter(int, _tick)
    values = np.concatenate([curve.y for curve in panel.curves])
    low, high = np.nanmin(values), np.nanmax(values)
    room = 0.05 * (high - low) or 0.5
    figure.set_y_limits(float(low - room), float(high + room))
    last = max(float(curve.x[-1]) for curve in panel.curves if len(curve.x))
    figure.set_x_limits(1.0, max(last, 2.0))
    legend = []
    for letter, curve in zip("abcdefghijklmnopqrstuvwxyz" * 9, panel.curves, strict=False):
        there = np.isfinite(curve.y)
        x, y = curve.x[there].astype(float), curve.y[there]
        if len(x):
            shade = TERMINAL[curve.run % len(TERMINAL)] if colour else None
            figure.plot(x, y, lc=shade)
            places = np.unique(np.linspace(0, len(x) - 1, 6).astype(int))
            figure.scatter(x[places], y[places], lc=shade, marker=letter)
            legend.append(f"{letter} {curve.label}")
    drawn = figure.show().replace("()", "  ", 1)  # plotille's place for the y axis' name
    return f"{panel.title}  ({', '.join(legend)})\n{drawn}"


def _tick(value: float, chars: int, delta: float, left: bool = False) -> str:
    text = f"{value:.3g}"
    return text.ljust(chars) if left else text.rjust(chars)


def need(package: str) -> None:
    """Refuse to draw without the package.

    Raises:
        MissingPackageError: It is not installed; the message names the extra.
    """
    if registry.not_installed((package,)):
        raise MissingPackageError(
            f"The curves of a history need the package {package!r}, which is not installed.",
            fix=f"Install it with:  {distribution.install('plot')}",
        )
