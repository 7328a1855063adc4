"""Tracing a description: shapes, weights, branches, and what it refuses."""

import numpy as np
import pytest

import unidl
from unidl import layers, ops
from unidl.description.trace import Tracer
from unidl.errors import ArgumentError, ForeignNameError, NotPortableError, ShapeError
from unidl.graph.branch import explore
from unidl.graph.spec import TensorSpec


def plan_of(layer, *shapes):
    return Tracer().trace(layer, tuple(TensorSpec(s) for s in shapes), {})


class Branches(unidl.Model):
    """An if with an else, a nested if and a loop: every layer is reached by some answer."""

    def __init__(self):
        self.positive = layers.Dense(4)
        self.negative = layers.Dense(4)
        self.inner = layers.Dense(4)
        self.again = layers.Dense(4)
        self.never = layers.Dense(9)

    def forward(self, x):
        if ops.mean(x) > 0:
            x = self.positive(x)
        else:
            x = self.negative(x)
            if ops.max(x) > 2:
                x = self.inner(x)
        while ops.sum(x) > 10:
            x = self.again(x)
        return x


def test_both_ways_at_each_branch():
    plan = plan_of(Branches(), (None, 4))
    reached = {key for key, child in plan.children.items() if child.reached}
    assert reached == {"positive", "negative", "inner", "again"}
    assert plan.dynamic
    assert not plan.children["positive"].dynamic
    assert plan.output_shapes == [(None, 4)]


def test_only_the_layer_that_asks_is_dynamic():
    class Outer(unidl.Model):
        def __init__(self):
            self.inside = Branches()

        def forward(self, x):
            return self.inside(x)

    plan = plan_of(Outer(), (None, 4))
    assert not plan.dynamic
    assert plan.children["inside"].dynamic
    assert plan.is_dynamic


@pytest.mark.parametrize(("leaves_on", "steps"), [(True, 2), (False, 2)])
def test_a_loop_ends_whichever_answer_leaves_it(leaves_on, steps):
    class Loop(unidl.Model):
        def forward(self, x):
            for _ in range(10_000):
                if bool(ops.mean(x) > 0) == leaves_on:
                    return x
                x = x + 1.0
            return x

    assert plan_of(Loop(), (None, 2)).dynamic


def test_a_loop_that_never_ends_is_refused():
    class Loop(unidl.Model):
        def forward(self, x):
            while True:
                x = ops.where(x > 0, x, -x)
                if ops.mean(x) > 0:
                    continue

    with pytest.raises(NotPortableError, match=r"A loop on a tensor did not end.*\n.*ops\.while_loop"):
        plan_of(Loop(), (None, 2))


def test_independent_questions_cost_runs_in_proportion_not_in_powers():
    runs = 0

    class Many(unidl.Model):
        def forward(self, x):
            nonlocal runs
            runs += 1
            if ops.mean(x) > 0:
                x = x + 1.0
            if ops.mean(x) > 1:
                x = x + 1.0
            if ops.mean(x) > 2:
                x = x + 1.0
            if ops.mean(x) > 3:
                x = x + 1.0
            if ops.mean(x) > 4:
                x = x + 1.0
            if ops.mean(x) > 5:
                x = x + 1.0
            return x

    plan_of(Many(), (None, 2))
    assert runs <= 2 * 7


def test_branches_that_disagree_are_refused():
    class Disagree(unidl.Model):
        def forward(self, x):
            if ops.mean(x) > 0:
                return x
            return ops.mean(x, axis=-1)

    with pytest.raises(NotPortableError, match="return different kinds of tensors"):
        plan_of(Disagree(), (None, 2))


def test_an_axis_on_which_branches_differ_is_unknown():
    class Longer(unidl.Model):
        def forward(self, x):
            if ops.mean(x) > 0:
                return x
            return ops.concatenate([x, x], axis=-1)

    assert plan_of(Longer(), (None, 2)).output_shapes == [(None, None)]


def test_explore_without_questions_is_one_run():
    assert list(explore(lambda: 7)) == [7]


def test_the_users_object_stays_as_it_was():
    class Scale(unidl.Layer):
        def setup(self, shape):
            self.add_weight("gain", (shape[-1],))
            self.width = shape[-1]

        def forward(self, x):
            return x * self.gain * float(self.width)

    layer = Scale()
    before = dict(vars(layer))
    plan = plan_of(layer, (None, 3))
    assert vars(layer) == before
    assert plan.attributes["width"] == 3


def test_sublayers_in_lists_tuples_dicts_and_setup():
    class Nested(unidl.Model):
        def __init__(self):
            self.blocks = [layers.Dense(2), (layers.Dense(3), layers.Dense(2))]
            self.heads = {"a": layers.Dense(1), "b": layers.Dense(2)}

        def setup(self, shape):
            self.made = layers.Dense(shape[-1])

        def forward(self, x):
            x = self.made(x)
            for block in (self.blocks[0], *self.blocks[1]):
                x = block(x)
            return {key: head(x) for key, head in self.heads.items()}

    plan = plan_of(Nested(), (None, 5))
    assert [c.path for c in plan.walk()] == [
        "", "blocks/0", "blocks/1/0", "blocks/1/1", "heads/a", "heads/b", "made",
    ]  # fmt: skip
    assert plan.children["made"].weights["kernel"].shape == (5, 5)


def test_a_shared_layer_is_one_plan_under_its_first_path():
    class Tied(unidl.Model):
        def __init__(self):
            self.first = layers.Dense(3)
            self.second = self.first

        def forward(self, x):
            return self.second(self.first(x))

    plan = plan_of(Tied(), (None, 3))
    assert plan.children["first"] is plan.children["second"]
    assert plan.children["first"].path == "first"
    assert len(plan.children["first"].calls) == 2


def test_a_layer_made_in_forward_is_refused():
    class Makes(unidl.Model):
        def forward(self, x):
            return layers.Dense(3)(x)

    with pytest.raises(ArgumentError, match="A Dense was made inside forward"):
        plan_of(Makes(), (None, 3))


def test_a_value_kept_in_forward_is_refused():
    class Keeps(unidl.Model):
        def forward(self, x):
            self.last = x
            return x

    with pytest.raises(ArgumentError, match=r"forward of Keeps sets self\.last"):
        plan_of(Keeps(), (None, 3))


def test_errors_say_where():
    m = unidl.Sequential([layers.Dense(3), layers.Flatten(), layers.Conv2D(3, 3)])
    with pytest.raises(ShapeError) as caught:
        m.build((8,), backend="torch")
    assert str(caught.value).startswith(
        "In Conv2D 'conv2d': Conv2D needs an input of 4 axes (batch, height, width, channels)."
    )
    assert "Received: 2 axes, (None, 3)" in str(caught.value)
    assert not m.is_built


@pytest.mark.parametrize("name", ["call", "build", "compute_output_shape", "get_config", "train_step"])
def test_methods_from_habit_are_refused_when_the_class_is_made(name):
    with pytest.raises(ForeignNameError, match=f"Mine defines '{name}', which unidl never calls"):
        type("Mine", (unidl.Layer,), {name: lambda self, x: x, "__module__": __name__})


@pytest.mark.parametrize(
    ("setup", "message"),
    [
        (lambda self, shape: self.add_weight("a b", (2,)), "cannot have the name 'a b'"),
        (lambda self, shape: self.add_weight("forward", (2,)), "cannot have the name 'forward'"),
        (
            lambda self, shape: (self.add_weight("a", (2,)), self.add_weight("a", (2,))),
            "cannot have the name 'a'",
        ),
        (lambda self, shape: self.add_weight("a", (shape[0],)), "needs every axis known"),
        (lambda self, shape: self.add_weight("a", (2,), initializer="xavier"), "There is no initializer 'xavier'"),
    ],
)
def test_weights_that_cannot_be(setup, message):
    layer = type("Mine", (unidl.Layer,), {"setup": setup, "forward": lambda self, x: x, "__module__": __name__})()
    with pytest.raises((ArgumentError, ShapeError), match=message):
        plan_of(layer, (None, 2))


def test_update_must_name_a_state_of_that_shape():
    class Wrong(unidl.Layer):
        def __init__(self, name, axis):
            self.state, self.axis = name, axis

        def setup(self, shape):
            self.add_weight("gain", (2,))
            self.add_weight("seen", (2,), "zeros", trainable=False)

        def forward(self, x):
            self.update(self.state, ops.mean(x, axis=self.axis))
            return x

    with pytest.raises(ArgumentError, match=r"has no state of that name.\nExpected: one of \['seen'\]"):
        plan_of(Wrong("gain", 0), (None, 2))
    with pytest.raises(ShapeError, match="needs a value of the state's shape"):
        plan_of(Wrong("seen", 1), (None, 2))
    plan_of(Wrong("seen", 0), (None, 2))


def test_a_forward_that_returns_no_tensor_is_refused():
    class Nothing(unidl.Model):
        def forward(self, x):
            ops.relu(x)

    with pytest.raises(NotPortableError, match="returns no tensor"):
        plan_of(Nothing(), (None, 2))

    class Number(unidl.Model):
        def forward(self, x):
            return np.ones(3)

    with pytest.raises(NotPortableError, match="returns a ndarray"):
        plan_of(Number(), (None, 2))
