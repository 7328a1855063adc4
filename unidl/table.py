"""A table's content, written once and shown as plain text, in rich's print, and in a notebook."""

from __future__ import annotations

import html
import io
from dataclasses import dataclass
from typing import Literal

from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable

from unidl.terminal import plain
from unidl.visible import visible, visible_lines

# Colours are those of the text around it, so that it is readable in light and dark, whoever chose which: the system, or a notebook's theme.
STYLE = """
<style>
.unidl {color: inherit; font-size: 0.9em; overflow-x: auto}
.unidl table {border-collapse: collapse; background: transparent; color: inherit; border: 0}
.unidl caption {text-align: left; font-weight: bold; color: inherit; padding: 0.2em 0.6em; white-space: nowrap}
.unidl th, .unidl td {padding: 0.2em 0.6em; background: transparent; color: inherit; border: 0; border-bottom: 1px solid rgba(128, 128, 128, 0.4)}
.unidl .left {text-align: left}
.unidl .right {text-align: right; font-variant-numeric: tabular-nums}
.unidl p {margin: 0.3em 0.6em}
</style>
"""


@dataclass(frozen=True)
class Column:
    """A column.

    Args:
        heading: What stands above it.
        justify: "right" for numbers.
    """

    heading: str
    justify: Literal["left", "right"] = "left"


@dataclass(frozen=True)
class Table:
    """What a table says.

    Args:
        title: Above it.
        columns: From the left.
        rows: The cells' texts.
        notes: Sentences below it.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __rich__(self) -> RenderableType:
        """For rich's print. Nothing in the cells is read as rich's markup."""
        table = RichTable(title=plain(visible(self.title)), title_justify="left")
        for column in self.columns:
            table.add_column(plain(visible(column.heading)), justify=column.justify, overflow="fold")
        for row in self.rows:
            table.add_row(*map(plain, row))
        return Group(table, *map(plain, self.notes))

    def text(self, width: int = 120) -> str:
        """For a file, or a terminal without rich."""
        out = io.StringIO()
        Console(file=out, width=width).print(self)
        return out.getvalue().rstrip("\n")

    def _repr_html_(self) -> str:
        """For a notebook."""
        head = "".join(_cell("th", column, visible(column.heading)) for column in self.columns)
        rows = "".join(
            f"<tr>{''.join(_cell('td', column, text) for column, text in zip(self.columns, row, strict=True))}</tr>\n"
            for row in self.rows
        )
        notes = "".join(f"<p>{_escaped(note)}</p>\n" for note in self.notes)
        return (
            f'{STYLE}<div class="unidl">\n<table>\n<caption>{_escaped(self.title)}</caption>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n{notes}</div>"
        )


def _cell(tag: str, column: Column, text: str) -> str:
    return f'<{tag} class="{column.justify}">{_escaped(text)}</{tag}>'


def _escaped(text: str) -> str:
    return html.escape(visible_lines(text))
