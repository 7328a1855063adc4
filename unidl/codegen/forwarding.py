"""A method with the parameters of another one: frameworks read their names."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any, cast


def method_like(method: Callable[..., Any], function_for: Callable[[Any], Callable[..., Any]]) -> Callable[..., Any]:
    """A method with another one's parameters, which calls what `function_for(self)` gives with them.

    It is made as a syntax tree, into which only the names of the signature's parameters go: no text is put together.
    """
    parameters = list(inspect.signature(method).parameters.values())[1:]
    names = {p.name for p in parameters}
    me, run = (
        next(n for n in (near, *(f"{near}_{i}" for i in range(len(names)))) if n not in names)
        for near in ("self", "run")
    )
    tree = ast.parse("def method(): return run(me)()")
    function = cast(ast.FunctionDef, tree.body[0])
    call = cast(ast.Call, cast(ast.Return, function.body[0]).value)
    call.func = ast.Call(ast.Name(run, ast.Load()), [ast.Name(me, ast.Load())], [])
    function.args.args.append(ast.arg(me))
    for p in parameters:
        declared, passed = ast.arg(p.name), ast.Name(p.name, ast.Load())
        if p.kind is p.VAR_POSITIONAL:
            function.args.vararg = declared
            call.args.append(ast.Starred(passed, ast.Load()))
        elif p.kind is p.VAR_KEYWORD:
            function.args.kwarg = declared
            call.keywords.append(ast.keyword(None, passed))
        elif p.kind is p.KEYWORD_ONLY:
            function.args.kwonlyargs.append(declared)
            function.args.kw_defaults.append(None)
            call.keywords.append(ast.keyword(p.name, passed))
        else:
            function.args.args.append(declared)
            call.args.append(passed)
    namespace: dict[str, Any] = {run: function_for}
    exec(compile(ast.fix_missing_locations(tree), __file__, "exec"), namespace)
    made: Any = namespace["method"]
    given = [p for p in parameters if p.default is not p.empty]
    made.__defaults__ = tuple([p.default for p in given if p.kind is not p.KEYWORD_ONLY])
    made.__kwdefaults__ = {p.name: p.default for p in given if p.kind is p.KEYWORD_ONLY}
    made.__name__ = made.__qualname__ = method.__name__
    return cast(Callable[..., Any], made)
