"""Write docs/lessons.ipynb from docs/lessons.md:  python docs/lessons.py.

A block of Python becomes a cell, what the page says that it prints becomes the cell's output, and all between is text.
With --run the notebook is run in a kernel too, and must print the same there.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import v4

PAGE = Path(__file__).with_name("lessons.md")
NOTEBOOK = PAGE.with_suffix(".ipynb")

CELL = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:<!-- prints -->\n```text\n(?P<prints>.*?)^```\n)?", re.M | re.S)
ITSELF = " [lessons.ipynb](lessons.ipynb) is this page as a notebook."


def cells(page: str) -> Iterator[nbformat.NotebookNode]:
    """The cells, in order."""
    after = 0
    for block in CELL.finditer(page):
        yield _text(page[after : block.start()])
        prints = [v4.new_output("stream", name="stdout", text=block["prints"])] if block["prints"] is not None else []
        yield v4.new_code_cell(block["code"].strip(), outputs=prints)
        after = block.end()
    yield _text(page[after:])


def _text(between: str) -> nbformat.NotebookNode:
    """What stands between two cells; an answer cannot fold up there, as its code is a cell."""
    between = between.replace("<details><summary>Answer</summary>", "**Answer.**").replace("</details>", "")
    return v4.new_markdown_cell(between.strip())


def notebook() -> str:
    """The notebook's file."""
    made = v4.new_notebook(cells=list(cells(PAGE.read_text(encoding="utf8").replace(ITSELF, ""))))
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number}"  # else drawn at random
    return f"{nbformat.writes(made)}\n"


def _printed(made: nbformat.NotebookNode) -> list[str]:
    """What each cell of code has printed."""
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    return ["".join(out.text for out in cell.outputs if out.get("name") == "stdout") for cell in code]


def run() -> None:
    """Run the notebook; a cell that prints something else is an error."""
    made = nbformat.reads(notebook(), as_version=4)
    wanted = _printed(made)
    NotebookClient(made, timeout=600, kernel_name="python3").execute()
    different = [pair for pair in zip(wanted, _printed(made), strict=True) if pair[0] != pair[1]]
    if different:
        sys.exit("\n".join(f"the page says\n{page}\nand a notebook prints\n{told}" for page, told in different))


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook(), encoding="utf8")
    if "--run" in sys.argv[1:]:
        run()
