"""Forms of Python control flow on tensors in a forward, as data: what each is on every backend."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import unidl
from unidl import layers, ops

# what becomes of a form: everywhere the value that Python gives; where a graph is traced (TensorFlow, and Keras on it) a typed error
# that names the line; a typed error when the model is built, everywhere
RIGHT, TYPED, REFUSED = "right", "typed error in a graph", "refused when built"


@dataclass(frozen=True)
class Form:
    """One form.

    Args:
        forward: A forward.
        outcome: What becomes of it.
    """

    forward: Callable[..., Any]
    outcome: str


FORMS: dict[str, Form] = {}


def form(outcome: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a forward: it becomes a row."""

    def add(forward: Callable[..., Any]) -> Callable[..., Any]:
        FORMS[forward.__name__] = Form(forward, outcome)
        return forward

    return add


class Holder(unidl.Model):
    """What the forms find on `self`."""

    def __init__(self):
        self.blocks = [layers.Dense(3), layers.Dense(3)]
        self.heads = {"a": layers.Dense(3), "b": layers.Dense(3)}

    def helper(self, v):
        if ops.sum(v) > 0:
            return v * 2.0
        return v - 1.0


@form(RIGHT)
def if_else(self, x):
    if ops.sum(x) > 0:
        y = x * 2.0
    else:
        y = x - 1.0
    return y


@form(RIGHT)
def if_only(self, x):
    y = x
    if ops.sum(x) > 0:
        y = x * 2.0
    return y


@form(RIGHT)
def if_return(self, x):
    if ops.sum(x) > 0:
        return x * 2.0
    return x - 1.0


@form(RIGHT)
def elif_chain(self, x):
    s = ops.sum(x)
    if s > 10:
        return x
    elif s > 0:
        return x * 2.0
    elif s > -5:
        return x * 3.0
    else:
        return x * 4.0


@form(RIGHT)
def ternary(self, x):
    return x * 2.0 if ops.sum(x) > 0 else x - 1.0


@form(RIGHT)
def bool_and(self, x):
    if ops.sum(x) > 0 and ops.max(x) < 100:
        return x * 2.0
    return x


@form(RIGHT)
def bool_or_not(self, x):
    if not (ops.sum(x) > 0) or ops.max(x) > 100:
        return x * 2.0
    return x


@form(RIGHT)
def chained_compare(self, x):
    if 0 < ops.sum(x) < 50:
        return x * 2.0
    return x


@form(RIGHT)
def while_loop(self, x):
    while ops.sum(ops.abs(x)) > 1.0:
        x = x * 0.5
    return x


@form(TYPED)
def while_count(self, x):
    n = 0
    while ops.sum(ops.abs(x)) > 1.0:
        x = x * 0.5
        n = n + 1
    return x + n


@form(RIGHT)
def while_break(self, x):
    while ops.sum(ops.abs(x)) > 0.01:
        x = x * 0.5
        if ops.max(x) < 0.2:
            break
    return x


@form(TYPED)
def while_true_break(self, x):
    while True:
        x = x * 0.5
        if ops.max(ops.abs(x)) < 0.2:
            break
    return x


@form(RIGHT)
def while_continue(self, x):
    n = ops.sum(x) * 0.0
    while n < 5.0:
        n = n + 1.0
        if ops.sum(x) > 1.0:
            continue
        x = x + 1.0
    return x


@form(TYPED)
def while_else(self, x):
    while ops.sum(ops.abs(x)) > 1.0:
        x = x * 0.5
    else:
        x = x + 1.0
    return x


@form(TYPED)
def while_break_else(self, x):
    while ops.sum(ops.abs(x)) > 0.01:
        x = x * 0.5
        if ops.max(x) < 0.2:
            break
    else:
        x = x + 100.0
    return x


@form(TYPED)
def while_return(self, x):
    while ops.sum(ops.abs(x)) > 0.01:
        x = x * 0.5
        if ops.max(x) < 0.2:
            return x + 7.0
    return x


@form(TYPED)
def for_range_break(self, x):
    for i in range(10):
        if ops.sum(ops.abs(x)) < 1.0:
            break
        x = x * 0.5
    return x


@form(RIGHT)
def for_range_continue(self, x):
    for i in range(5):
        if ops.sum(x) < 1.0:
            continue
        x = x * 0.5
    return x


@form(TYPED)
def for_range_return(self, x):
    for i in range(10):
        if ops.sum(ops.abs(x)) < 1.0:
            return x + float(i)
        x = x * 0.5
    return x


@form(TYPED)
def for_enumerate_break(self, x):
    for i, layer in enumerate(self.blocks):
        if ops.sum(ops.abs(x)) < 1.0:
            break
        x = layer(x) + float(i)
    return x


@form(TYPED)
def for_layers_break(self, x):
    for layer in self.blocks:
        if ops.sum(ops.abs(x)) < 1.0:
            break
        x = layer(x)
    return x


@form(TYPED)
def for_layers_return(self, x):
    for layer in self.blocks:
        x = layer(x)
        if ops.sum(x) > 0:
            return x
    return x * 3.0


@form(TYPED)
def for_else(self, x):
    for i in range(4):
        if ops.sum(ops.abs(x)) < 0.1:
            break
        x = x * 0.5
    else:
        x = x + 10.0
    return x


@form(RIGHT)
def for_zip_dict(self, x):
    for (k, layer), s in zip(self.heads.items(), (1.0, 2.0)):
        if ops.sum(x) > 0:
            x = layer(x) * s
        else:
            x = x - s
    return x


@form(RIGHT)
def assert_true(self, x):
    assert ops.max(ops.abs(x)) < 1000.0
    return x * 2.0


@form(RIGHT)
def assert_msg(self, x):
    assert ops.max(ops.abs(x)) < 1000.0, "too large"
    return x * 2.0


@form(RIGHT)
def try_in_while(self, x):
    while ops.sum(ops.abs(x)) > 1.0:
        try:
            x = x * 0.5
        finally:
            pass
    return x


@form(RIGHT)
def try_except_around(self, x):
    try:
        if ops.sum(x) > 0:
            y = x * 2.0
        else:
            y = x
    except ValueError:
        y = x
    return y


@form(RIGHT)
def with_inside(self, x):
    with contextlib.nullcontext():
        if ops.sum(x) > 0:
            y = x * 2.0
        else:
            y = x
    return y


@form(RIGHT)
def with_in_while(self, x):
    while ops.sum(ops.abs(x)) > 1.0:
        with contextlib.nullcontext():
            x = x * 0.5
    return x


@form(TYPED)
def generator(self, x):
    def gen():
        for i in range(3):
            yield x * float(i)

    y = x
    for v in gen():
        if ops.sum(v) > 0:
            y = y + v
    return y


@form(TYPED)
def generator_inner(self, x):
    def gen(v):
        while ops.sum(ops.abs(v)) > 1.0:
            v = v * 0.5
            yield v

    y = x
    for v in gen(x):
        y = y + v
    return y


@form(RIGHT)
def comprehension_cond(self, x):
    vs = [x * float(i) if ops.sum(x) > 0 else x for i in range(3)]
    return vs[0] + vs[1] + vs[2]


@form(TYPED)
def comprehension_filter(self, x):
    vs = [v for v in (x, -x) if ops.sum(v) > 0]
    return vs[0]


@form(REFUSED)
def comprehension_tensor_range(self, x):
    n = ops.cast(ops.max(ops.abs(x)), "int64")
    return sum([x for _ in range(n)], x)


@form(REFUSED)
def for_tensor_range(self, x):
    n = ops.cast(ops.max(ops.abs(x)), "int64")
    y = x
    for i in range(n):
        y = y * 0.5
    return y


@form(REFUSED)
def for_over_tensor(self, x):
    y = x[0] * 0.0
    for row in x:
        y = y + row
    return y


@form(TYPED)
def recursion(self, x):
    def f(v, n):
        if ops.sum(ops.abs(v)) > 1.0 and n < 6:
            return f(v * 0.5, n + 1)
        return v

    return f(x, 0)


@form(RIGHT)
def nested_function(self, x):
    def f(v):
        if ops.sum(v) > 0:
            return v * 2.0
        return v - 1.0

    return f(f(x))


@form(RIGHT)
def lambda_if(self, x):
    f = lambda v: v * 2.0 if ops.sum(v) > 0 else v - 1.0
    return f(x)


@form(RIGHT)
def method_helper(self, x):
    return self.helper(x)


@form(RIGHT)
def module_helper(self, x):
    return outside(x)


@form(TYPED)
def bool_call(self, x):
    if bool(ops.sum(x) > 0):
        return x * 2.0
    return x


@form(TYPED)
def any_all(self, x):
    if any([ops.sum(x) > 0, ops.sum(x) > 5]):
        return x * 2.0
    return x


@form(REFUSED)
def int_call(self, x):
    return x * float(ops.sum(x))


@form(TYPED)
def match_stmt(self, x):
    s = ops.sum(x) > 0
    match bool(s):
        case True:
            return x * 2.0
        case _:
            return x


@form(TYPED)
def walrus(self, x):
    if (s := ops.sum(x)) > 0:
        return x * s
    return x


@form(RIGHT)
def nested_while_if(self, x):
    while ops.sum(ops.abs(x)) > 1.0:
        if ops.max(x) > 0.5:
            x = x * 0.5
        else:
            x = x * 0.25
    return x


@form(RIGHT)
def nested_whiles(self, x):
    while ops.sum(ops.abs(x)) > 1.0:
        x = x * 0.9
        while ops.max(ops.abs(x)) > 1.0:
            x = x * 0.5
    return x


@form(REFUSED)
def unset_in_branch(self, x):
    if ops.sum(x) > 0:
        y = x * 2.0
    return y if ops.sum(x) > 0 else x


@form(RIGHT)
def list_append(self, x):
    vs = []
    for i in range(3):
        if ops.sum(x) > 0:
            x = x * 0.5
        vs.append(x)
    return vs[0] + vs[1] + vs[2]


@form(TYPED)
def list_append_in_if(self, x):
    vs = [x]
    if ops.sum(x) > 0:
        vs.append(x * 2.0)
    return sum(vs[1:], vs[0])


@form(TYPED)
def raise_in_if(self, x):
    if ops.max(ops.abs(x)) > 1e6:
        raise ValueError("too large")
    return x * 2.0


@form(RIGHT)
def layers_in_branches(self, x):
    if ops.sum(x) > 0:
        return self.blocks[0](x)
    return self.heads["a"](x)


@form(RIGHT)
def del_stmt(self, x):
    y = x * 2.0
    if ops.sum(x) > 0:
        z = y
    else:
        z = x
    del y
    return z


@form(REFUSED)
def aug_assign(self, x):
    y = x
    if ops.sum(x) > 0:
        y += 1.0
    else:
        y *= 2.0
    return y


@form(RIGHT)
def tuple_unpack(self, x):
    a, b = x, -x
    if ops.sum(x) > 0:
        a, b = b, a
    return a - b


@form(RIGHT)
def dict_state(self, x):
    d = {"a": x}
    if ops.sum(x) > 0:
        d["a"] = x * 2.0
    return d["a"]


@form(TYPED)
def early_return_loop_nested(self, x):
    for i in range(3):
        for j in range(2):
            if ops.sum(ops.abs(x)) < 1.0:
                return x
            x = x * 0.5
    return x - 1.0


@form(TYPED)
def for_reversed(self, x):
    for layer in reversed(self.blocks):
        if ops.sum(x) > 100.0:
            break
        x = layer(x)
    return x


@form(RIGHT)
def iter_next(self, x):
    it = iter(self.blocks)
    x = next(it)(x)
    if ops.sum(x) > 0:
        x = next(it)(x)
    return x


def outside(v):
    if ops.sum(v) > 0:
        return v * 2.0
    return v - 1.0
