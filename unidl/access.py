"""Who may use a built model now: a readers-writer lock whose readers are calls, and whose writer is training.

Calls in inference share a model. What moves its weights or states has it alone: other threads wait for a call with
`training=True` or for `set_weights`, which are short, and get an error while a Trainer trains.

A framework may keep the mode on the native object (torch's `module.training`). The first call in inference switches it and the
last one switches it back; a call of the native object itself (`enter_native`) never sees it switched.
"""

from __future__ import annotations

import itertools
import math
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Any, Protocol

from unidl.errors import ConcurrentUseError

PATIENCE = 60.0  # seconds that somebody who is to have a model alone waits for calls in other threads
_numbers = itertools.count()
_LOOK = 1.0  # seconds between two looks whether these threads are still there


class Modes(Protocol):
    """What an Access needs of a backend."""

    def set_mode(self, native: Any, training: bool) -> Any:
        """See unidl.backends.contract.Backend."""

    def reset_mode(self, changed: Any) -> None:
        """Likewise."""


class Access:
    """The lock of all native objects that share layers. Attributes without an underscore are for `unidl.models.calling` too."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._freed = threading.Condition(self.lock)
        self.calls: dict[int, int] = {}  # thread -> shared calls that it is in
        self.ready: list[object] = []  # native objects that the calls in progress have switched to inference
        self.owner = 0  # the thread that has it alone; 0: nobody
        self.closed = False  # whether a shared call may have to wait
        self._undo: list[tuple[Modes, Any]] = []  # what was switched for that
        self.forked = (
            False  # whether a framework did not survive a fork, so that each use is to look whether it is its own
        )
        self._depth = 0  # how often the owner has it
        self._refusing = 0  # of these, how many before it began with what `_purpose` says
        self._purpose: object = None  # what the owner does where others are refused; None where they wait
        self._switched = 0  # switches in force that the owner made
        self._native: dict[int, int] = {}  # thread -> calls of the native object itself that it is in
        self._waiting = 0  # such calls that wait
        self._switching = 0  # who waits for such calls to end
        self._into: Access | None = None  # the one that this became part of
        self.number = next(_numbers)  # who takes several takes them in this order
        _ALL.add(self)

    def __deepcopy__(self, memo: dict[int, object]) -> Access:
        new = memo[id(self)] = Access()  # a copy of a native object is used by itself
        return new

    def __reduce__(self) -> tuple[type[Access], tuple[()]]:
        return (Access, ())

    def root(self) -> Access:
        """The lock in force: its own, or the one that it became part of."""
        access = self
        while access._into is not None:
            access = access._into
        return access

    def _close(self) -> None:
        self.closed = bool(self.owner or self._waiting or self._into is not None or self.forked)

    # -- shared ----------------------------------------------------------------------------------------------------------

    def enter(self, what: object) -> Access:
        """Begin a call that shares the model; returns the lock that is to be left.

        Args:
            what: The call; its text is for messages.

        Raises:
            ConcurrentUseError: Another thread trains the model.
        """
        me = get_ident()
        while True:
            access = self.root()
            with access.lock:
                if (
                    me not in access.calls and access.owner != me
                ):  # else others wait for this thread, or are kept out by it
                    access._wait_for_owner(me, what)
                    access._wait(lambda access=access: not access._waiting, access._native, what)  # type: ignore[misc]
                if access._into is None:
                    access.calls[me] = access.calls.get(me, 0) + 1
                    return access

    def make_ready(self, native: object, backend: Modes) -> None:
        """Switch a native object to inference for the shared calls in progress; the lock is held."""
        if self._native:
            self._wait_for_native_calls()
        if native not in self.ready:
            changed = backend.set_mode(native, False)
            if changed is not None:
                self._undo.append((backend, changed))
            self.ready.append(native)

    def leave(self) -> None:
        """End a shared call."""
        me = get_ident()
        with self.lock:
            left = self.calls[me] - 1
            if left:
                self.calls[me] = left
                return
            del self.calls[me]
            if not self.calls and self.ready:
                self._switch_back()
            if self.closed:
                self._freed.notify_all()

    def _switch_back(self) -> None:
        self.ready.clear()
        while self._undo:
            backend, changed = self._undo.pop()
            backend.reset_mode(changed)

    # -- alone -----------------------------------------------------------------------------------------------------------

    def take(self, what: object, refuses: bool = False) -> Access:
        """Have the model alone, once the calls in progress in other threads are done; returns the lock that is to be given back.

        Args:
            what: The call; its text is for messages.
            refuses: Whether calls in other threads are refused meanwhile; else they wait.

        Raises:
            ConcurrentUseError: Another thread trains the model, or calls in other threads do not end.
        """
        me = get_ident()
        while True:
            access = self.root()
            with access.lock:
                access._wait_for_owner(me, what)
                if access._into is None:
                    access._own(me, what, refuses)
                    return access

    def _own(self, me: int, what: object, refuses: bool) -> None:
        if not self.owner:
            self.owner = me
        if refuses and self._purpose is None:
            self._purpose, self._refusing = what, self._depth
        self._depth += 1
        self.closed = True
        try:
            if self.calls:
                self._wait(lambda: not (self.calls.keys() - {me}), self.calls, what)
        except BaseException:
            self.give_back()
            raise

    def give_back(self) -> None:
        """Undo `take`."""
        with self.lock:
            self._depth -= 1
            if not self._depth:
                self.owner = 0
                self._close()
                self._freed.notify_all()
            if self._depth == self._refusing:
                self._purpose = None

    def switch(self, native: object, backend: Modes, training: bool) -> Any:
        """Switch the mode for the owner; returns what `switch_back` takes."""
        with self.lock:
            if self._native:
                self._wait_for_native_calls()
            changed = backend.set_mode(native, training)
            self._switched += 1
        return backend, changed

    def switch_back(self, switched: tuple[Modes, Any]) -> None:
        """Undo `switch`."""
        backend, changed = switched
        with self.lock:
            if changed is not None:
                backend.reset_mode(changed)
            self._switched -= 1
            if self._waiting:
                self._freed.notify_all()

    # -- calls of the native object itself -------------------------------------------------------------------------------

    def enter_native(self) -> Access:
        """Begin a call of the native object itself, once its mode is its own; returns the lock that is to be left."""
        me = get_ident()
        access = self.root()
        with access.lock:
            if (access.ready or access._switched or access._switching) and not access._is_inside(me):
                access._waiting += 1
                access.closed = True
                try:
                    access._wait(
                        lambda: not (access.ready or access._switched or access._switching),
                        access.calls,
                        "The native object",
                    )
                finally:
                    access._waiting -= 1
                    access._close()
                    access._freed.notify_all()
            access._native[me] = access._native.get(me, 0) + 1
        return access

    def leave_native(self) -> None:
        """End it."""
        me = get_ident()
        with self.lock:
            left = self._native[me] - 1
            if left:
                self._native[me] = left
                return
            del self._native[me]
            self._freed.notify_all()

    def _wait_for_native_calls(self) -> None:
        me = get_ident()
        self._switching += 1
        try:
            self._wait(lambda: not (self._native.keys() - {me}), self._native, "The model")
        finally:
            self._switching -= 1
            if self._waiting:
                self._freed.notify_all()

    def _is_inside(self, me: int) -> bool:
        """Whether a thread is in a call of any kind: others may wait for it, so it does not wait for them."""
        return me in self.calls or me in self._native or self.owner == me

    # -- waiting ---------------------------------------------------------------------------------------------------------

    def _wait_for_owner(self, me: int, what: object) -> None:
        """Wait until no other thread has the model alone.

        Raises:
            ConcurrentUseError: It trains the model; or it waits for a call that this thread is in, and neither would go on.
        """
        while self.owner and self.owner != me:
            if self._purpose is not None:
                raise ConcurrentUseError(
                    f"{what} was called in the thread {_name(me)!r} while {self._purpose} runs in the thread {_name(self.owner)!r}.",
                    expected="calls in the thread that trains, from a callback for example; or of a model that is not being trained",
                    fix="Use a copy in other threads: copy = model.copy() before the training, on the same device; "
                    "copy.copy_from(model) in a callback brings it up to date.",
                )
            if me in self.calls:
                raise ConcurrentUseError(
                    f"{what} was called inside a call of the same model, and another thread waits for that call to end.",
                    fix="Use a copy inside the call: model.copy().",
                )
            self._wait(lambda: self.owner in (0, me) or self._purpose is not None, [self.owner], what, math.inf)

    def _wait(self, free: Callable[[], bool], holders: Iterable[int], what: object, patience: float = PATIENCE) -> None:
        """Wait until it is free; a thread that ended holds nothing.

        Raises:
            ConcurrentUseError: The patience is over.
        """
        until = time.monotonic() + patience
        while not free():
            self._freed.wait(_LOOK)
            for thread in set(holders) - sys._current_frames().keys():
                self._forget(thread)
            if time.monotonic() > until and not free():
                raise ConcurrentUseError(
                    f"{what} waited {patience:.0f} seconds for calls of the same model in other threads to end.",
                    received="calls in the threads "
                    + ", ".join(repr(_name(thread)) for thread in {*holders} - {get_ident()}),
                    fix="Use a copy here: model.copy().",
                )

    def _forget(self, thread: int) -> None:
        """A thread ended without leaving."""
        self._native.pop(thread, None)
        if self.calls.pop(thread, 0) and not self.calls and self.ready:
            self._switch_back()
        if self.owner == thread:
            self.owner, self._depth, self._purpose, self._switched = 0, 0, None, 0
        self._close()

    # -- models that share layers ----------------------------------------------------------------------------------------

    def join(self, other: Access) -> None:
        """Become one with another: from now on their native objects share layers.

        Raises:
            ConcurrentUseError: Both are in use.
        """
        me = get_ident()
        mine, theirs = self.root(), other.root()
        if mine is self or theirs.owner == me or me in theirs.calls:  # a new one joins without waiting
            mine, theirs = theirs, mine
        if mine is theirs:
            return
        taken = theirs.take("Building a model of layers of several models")
        try:
            if taken._depth > 1 or taken.calls:
                raise ConcurrentUseError(
                    "A model is built of layers of two others, and this thread is in a call of each of them.",
                    fix="Build it before, or of copies: model.copy().",
                )
            taken._into = mine.root()
        finally:
            taken.give_back()

    # -- a forked process ------------------------------------------------------------------------------------------------

    def _after_fork(self) -> None:
        """In the child of a fork no thread is left but the one that forked."""
        self.lock = threading.RLock()
        self._freed = threading.Condition(self.lock)
        self._waiting = self._switching = 0
        for thread in {*self.calls, *self._native, self.owner} - {get_ident(), 0}:
            self._forget(thread)
        self._close()


_ALL: weakref.WeakSet[Access] = weakref.WeakSet()


def mark_forked() -> None:
    """In the child of a fork: models look, at each use, whether it is their framework that did not survive it."""
    for access in list(_ALL):
        access.forked = True
        access._close()


def _all_after_fork() -> None:
    for access in list(_ALL):
        access._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_all_after_fork)


def _name(thread: int) -> str:
    return next((one.name for one in threading.enumerate() if one.ident == thread), str(thread))
