"""Lines of a user's code, as messages name them."""

from __future__ import annotations

import dis
import linecache
import sysconfig
from pathlib import Path
from types import CodeType

_RAISE = dis.opmap["RAISE_VARARGS"]
# what lies there is not the user's: this package, Python's own library, and what was installed
_OTHERS = tuple({str(Path(__file__).parents[1]), *(sysconfig.get_paths()[k] for k in ("stdlib", "purelib", "platlib"))})


def line_at(code: CodeType, instruction: int) -> str:
    """The line of an instruction: "net.py, line 12: `while ops.sum(x) > 1.0:`"."""
    positions = list(code.co_positions())
    number = positions[instruction // 2][0] if instruction // 2 < len(positions) else None
    return line(code.co_filename, number or code.co_firstlineno)


def line(file: str, number: int) -> str:
    """A line of a file, with its text where that can be found."""
    text = linecache.getline(file, number).strip()
    return f"{Path(file).name}, line {number}" + (f": `{text}`" if text else "")


def line_that_raised(error: BaseException) -> str | None:
    """The innermost line of the user's that an error passed through; None where there is none."""
    found, step = None, error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if not file.startswith(_OTHERS) and "__autograph_generated" not in file:
            found = line(file, step.tb_lineno)
        step = step.tb_next
    return found


def says_so(error: BaseException) -> bool:
    """Whether an error comes from a `raise` or an `assert` of the code in which it begins, and not from what it did wrong."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    if step is None:
        return False
    code = step.tb_frame.f_code.co_code
    return 0 <= step.tb_lasti < len(code) and code[step.tb_lasti] == _RAISE


def begins_in(error: BaseException) -> str | None:
    """The file in which an error begins."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return None if step is None else step.tb_frame.f_code.co_filename
