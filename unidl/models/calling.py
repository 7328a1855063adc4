"""A call of a built model: it has its mode and its backend, and its place among the calls of other threads."""

from __future__ import annotations

from contextvars import Token
from threading import get_ident
from typing import Any, NoReturn

from unidl.access import Access
from unidl.backends.contract import Backend
from unidl.description.plan import LayerPlan
from unidl.models.build import Built
from unidl.ops.op import _running


class Title:
    """A call and its model, for messages: "predict of Sequential 'sequential'".

    Args:
        what: The call.
        plan: The model's plan.
    """

    def __init__(self, what: str, plan: LayerPlan) -> None:
        self._what, self._plan = what, plan

    def __str__(self) -> str:
        return f"{self._what} of {self._plan.title}"  # put together only where somebody is refused


def raise_meant(backend: Backend, error: BaseException) -> NoReturn:
    """Raise what a framework's error of a graph at work means in unidl's terms; the error itself where nothing is known of it."""
    meant = backend.explained(error)
    if meant is None:
        raise error
    raise meant from error


_SHARED, _SWITCHED, _TAKEN = range(
    3
)  # what a call has of the lock: a share; the mode, of one that its thread has anyway; or all of it

# what `begin` gives to `end`: the lock, what the call has of it, what was switched, and what ran before
Begun = tuple[Access, int, Any, Token[Any]]


def begin(built: Built, training: bool, what: str) -> Begun:
    """A call begins: the native object is in its mode for this thread, and ops without a tensor are its backend's.

    Inference in other threads goes on beside inference; a call that trains, or that takes the model's random numbers to their
    next step, waits for its end, and keeps it out. A function and
    no context manager: entering one would cost a small network's call three percent.

    Args:
        built: The model.
        training: Whether the call is part of training.
        what: The call, for messages.

    Raises:
        ConcurrentUseError: Another thread trains the model.
    """
    access: Access = built.plan.access
    entered = False
    try:
        with access.lock:
            if not (training or access.closed or built.steps):  # access.enter, without its call
                me, calls = get_ident(), access.calls
                calls[me] = calls.get(me, 0) + 1
                entered = True
                if built.native not in access.ready:
                    access.make_ready(built.native, built.backend)
        if entered:
            return access, _SHARED, None, _running.set(built.backend)
    except BaseException:  # Ctrl-C too: nothing may be left behind
        if entered:
            access.leave()
        raise
    return _begin(built, training, Title(what, built.plan))


def _begin(built: Built, training: bool, title: Title) -> Begun:
    """The same where the model is kept for one thread, or is to be."""
    _check_process(built, title)
    access: Access = built.plan.access.root()
    if access.owner == get_ident():
        return access, _SWITCHED, access.switch(built.native, built.backend, training), _running.set(built.backend)
    if not (training or built.steps):
        entered = access.enter(title)
        try:
            with entered.lock:
                entered.make_ready(built.native, built.backend)
            return entered, _SHARED, None, _running.set(built.backend)
        except BaseException:
            entered.leave()
            raise
    taken = access.take(title)
    try:
        return taken, _TAKEN, taken.switch(built.native, built.backend, training), _running.set(built.backend)
    except BaseException:
        taken.give_back()
        raise


def _check_process(built: Built, what: object) -> None:
    """Refuse the use of a model in the child of a fork that its framework did not survive.

    Raises:
        ForkError: It is one.
    """
    if built.plan.access.forked:
        with built.backend.ambient(str(what), built.device, "evaluation"):
            pass


def end(begun: Begun) -> None:
    """The call ends.

    Args:
        begun: What `begin` gave.
    """
    access, has, switched, token = begun
    _running.reset(token)
    if has == _SHARED:
        access.leave()
        return
    access.switch_back(switched)
    if has == _TAKEN:
        access.give_back()


class calling:  # noqa: N801  # used as `with calling(…)`
    """Inside, a model is called: `begin` and `end` as a context."""

    def __init__(self, built: Built, training: bool, what: str) -> None:
        self._call = built, training, what

    def __enter__(self) -> None:
        self._begun = begin(*self._call)

    def __exit__(self, *_: object) -> None:
        end(self._begun)


class reading:  # noqa: N801  # used as `with reading(…)`
    """Inside, weights and states stay as they are: other threads may read and call the model, and change nothing.

    Args:
        built: The model.
        what: What is read, for messages.

    Raises:
        ConcurrentUseError: Another thread trains the model.
        ForkError: This is the child of a fork that the framework did not survive.
    """

    def __init__(self, built: Built, what: str) -> None:
        self._built = built
        self._title = Title(what, built.plan)

    def __enter__(self) -> None:
        _check_process(self._built, self._title)
        self._access = self._built.plan.access.enter(self._title)

    def __exit__(self, *_: object) -> None:
        self._access.leave()


class changing:  # noqa: N801  # used as `with changing(…)`
    """Inside, this thread has a model alone; it waits until calls in other threads are done.

    Args:
        built: The model.
        what: What is done, for messages.
        refuses: Whether calls in other threads are refused meanwhile; else they wait.

    Raises:
        ConcurrentUseError: Another thread trains the model.
        ForkError: This is the child of a fork that the framework did not survive.
    """

    def __init__(self, built: Built, what: str, refuses: bool = False) -> None:
        self._built = built
        self._title = Title(what, built.plan)
        self._refuses = refuses

    def __enter__(self) -> None:
        _check_process(self._built, self._title)
        self._access = self._built.plan.access.take(self._title, self._refuses)

    def __exit__(self, *_: object) -> None:
        self._access.give_back()
