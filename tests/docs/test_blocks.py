"""The Python blocks of README.md and docs/ run, a file's blocks in order in one fresh namespace.

Three comments steer it, invisible to a reader:

    <!-- backend: keras -->          the file runs on these backends, separated by commas; on torch without it
    <!-- not run: the reason -->     the block that follows is shown only

    <!-- prints -->                  the block that follows is what the block before it prints

A block that begins with >>> is a session, whose output is compared.
"""

import contextlib
import doctest
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import unidl

ROOT = Path(unidl.__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

BACKEND = re.compile(r"<!-- backend: (.+?) -->")
PRINTS = "<!-- prints -->"
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")
FENCE = re.compile(r"(?P<indent> *)```(?P<language>\S*)")


@dataclass(frozen=True)
class Block:
    """A fenced block of Python, the line of its page on which its code begins (the first is 1), and what it is to print."""

    line: int
    code: str
    prints: str | None = None

    def run(self, page: str, namespace: dict[str, object]) -> None:
        if self.code.lstrip().startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(self.code, namespace, page, page, self.line - 1)
            doctest.DebugRunner(optionflags=doctest.ELLIPSIS).run(test, clear_globs=False)
            namespace.update(test.globs)
            return
        told = io.StringIO()
        with contextlib.nullcontext() if self.prints is None else contextlib.redirect_stdout(told):
            # empty lines before it make a traceback name the page's own line
            exec(compile("\n" * (self.line - 1) + self.code, page, "exec"), namespace)
        if self.prints is not None and not doctest.OutputChecker().check_output(
            self.prints, told.getvalue(), doctest.ELLIPSIS
        ):
            raise AssertionError(f"{page}:{self.line} prints\n{told.getvalue()}\nand the page says\n{self.prints}")


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page that are to be run."""
    waiting: Block | None = None  # for the block that says what it prints
    for fence in fences(text):
        if fence.prints:
            assert waiting is not None, f"no block prints what stands on line {fence.line}"
            yield replace(waiting, prints=fence.text)
            waiting = None
            continue
        if waiting is not None:
            yield waiting
        waiting = Block(fence.line, fence.text) if fence.language == "python" and not fence.shown_only else None
    if waiting is not None:
        yield waiting


@dataclass(frozen=True)
class Fence:
    """A fenced block of any language.

    Args:
        first: The line of its page on which the fence stands (the first is 1).
        language: What stands behind the fence.
        text: What it holds, ending with a line's end.
        shown_only: Whether a comment before it says that it is not run.
        prints: Whether a comment before it says that it is what the block before prints.
    """

    first: int
    language: str
    text: str
    shown_only: bool
    prints: bool

    @property
    def line(self) -> int:
        """The line on which its text begins."""
        return self.first + 1

    @property
    def last(self) -> int:
        """The line on which the fence that closes it stands."""
        return self.line + self.text.count("\n")


def fences(text: str) -> Iterator[Fence]:
    """All fenced blocks of a page."""
    lines = text.splitlines()
    start: int | None = None
    language = indent = ""
    for number, line in enumerate(lines, start=1):
        fence = FENCE.fullmatch(line.rstrip())
        if start is None and fence:
            start, language, indent = number, fence["language"], fence["indent"]
        elif start is not None and fence and not fence["language"]:
            inside = "".join(f"{line[len(indent) :]}\n" for line in lines[start : number - 1])
            before = next((line.strip() for line in reversed(lines[: start - 1]) if line.strip()), "")
            yield Fence(start, language, inside, NOT_RUN.fullmatch(before) is not None, before == PRINTS)
            start = None
    assert start is None, f"the block that begins on line {start} does not end"


def backends(text: str) -> list[str]:
    """The backends on which a page runs."""
    given = BACKEND.search(text)
    return [name.strip() for name in given[1].split(",")] if given else ["torch"]


CASES = [(page, name) for page in PAGES for name in backends(page.read_text()) if any(blocks(page.read_text()))]


# torch.compile imports what warns so by torch's own doing
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")
@pytest.mark.parametrize(("page", "backend"), CASES, ids=[f"{page.relative_to(ROOT)}-{name}" for page, name in CASES])
def test_a_page_runs(page, backend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    with unidl.using(backend):
        for block in blocks(page.read_text()):
            block.run(str(page), namespace)


PAGE = """\
# A page
<!-- backend: keras, torch -->
```python
x = 1
```
Text.
```
not python
```
<!-- not run: it would take an hour -->

```python
raise RuntimeError
```
- in a list:
  ```python
  if x == 1:
      y = x + 1
  ```
```python
>>> y
2
```
```python
print(y)
```

<!-- prints -->
```text
2
```
"""


def test_blocks_are_found_and_share_a_namespace():
    found = list(blocks(PAGE))
    assert [block.line for block in found] == [4, 17, 21, 25]
    assert backends(PAGE) == ["keras", "torch"]
    namespace: dict[str, object] = {}
    for block in found:
        block.run("page.md", namespace)
    assert namespace["y"] == 2


def test_a_block_that_fails_names_its_line():
    (block,) = blocks("# A page\n\n```python\nx = 1\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as caught:
        block.run("page.md", {})
    last = caught.traceback[-1]
    assert (str(last.path).endswith("page.md"), last.lineno + 1) == (True, 5)


def test_a_session_with_other_output_fails():
    (block,) = blocks("```python\n>>> 1 + 1\n3\n```\n")
    with pytest.raises(doctest.DocTestFailure):
        block.run("page.md", {})


def test_a_block_that_prints_something_else_fails():
    (block,) = blocks("```python\nprint(1)\n```\n<!-- prints -->\n```text\n2\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md:2 prints\n1\n\nand the page says\n2\n"):
        block.run("page.md", {})
    replace(block, prints="1\n").run("page.md", {})
    with pytest.raises(AssertionError, match="no block prints what stands on line 3"):
        list(blocks("<!-- prints -->\n```text\n2\n```\n"))


def test_a_block_without_end_is_told():
    with pytest.raises(AssertionError, match="the block that begins on line 2 does not end"):
        list(blocks("text\n```python\nx = 1\n"))
