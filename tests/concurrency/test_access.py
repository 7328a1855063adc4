"""The lock itself: who waits for whom, and what happens where nobody would go on."""

import copy
import os
import pickle
import threading
import time

import pytest

from tests.concurrency.threads import together
from unidl import access
from unidl.access import Access
from unidl.errors import ConcurrentUseError


class Modes:
    """A native object's mode, as a backend keeps it."""

    def __init__(self):
        self.training = True

    def set_mode(self, native, training):
        before, self.training = self.training, training
        return before

    def reset_mode(self, changed):
        self.training = changed


def _thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def _until(condition):
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_the_mode_is_switched_by_the_first_and_back_by_the_last():
    lock, modes = Access(), Modes()
    inside, leave = threading.Event(), threading.Event()

    def call():
        entered = lock.enter("a call")
        with lock.lock:
            lock.make_ready(modes, modes)
        inside.set()
        leave.wait()
        entered.leave()

    thread = _thread(call)
    inside.wait()
    assert not modes.training
    mine = lock.enter("a call")
    with lock.lock:
        lock.make_ready(modes, modes)
    leave.set()
    thread.join()
    assert not modes.training
    mine.leave()
    assert modes.training


def test_two_that_wait_for_each_other_do_not_wait_forever():
    lock, both = Access(), threading.Barrier(2)

    def upgrade():
        entered = lock.enter("a call")
        both.wait()
        try:
            lock.take("training inside a call").give_back()
        except ConcurrentUseError as error:
            return str(error)
        finally:
            entered.leave()
        return "taken"

    found = together(upgrade, upgrade)
    assert found.count("taken") == 1
    assert sum("another thread waits for that call to end" in text for text in found) == 1


def test_a_call_inside_a_call_is_let_in_while_another_thread_waits():
    lock = Access()
    entered = lock.enter("outer")
    thread = _thread(lambda: lock.take("training", refuses=True).give_back())
    _until(lambda: lock.owner)
    lock.enter("inner").leave()
    entered.leave()
    thread.join()


def test_a_thread_that_ended_holds_nothing(monkeypatch):
    monkeypatch.setattr(access, "_LOOK", 0.01)
    lock, modes = Access(), Modes()

    def forget():
        lock.enter("a call")
        with lock.lock:
            lock.make_ready(modes, modes)

    _thread(forget).join()
    lock.take("training").give_back()
    assert not lock.calls
    assert modes.training
    _thread(lambda: lock.take("training", refuses=True)).join()
    with pytest.raises(ConcurrentUseError):
        lock.enter("a call")


def test_patience_ends(monkeypatch):
    monkeypatch.setattr(access, "_LOOK", 0.01)
    monkeypatch.setattr(Access._wait, "__defaults__", (0.05,))
    lock, done = Access(), threading.Event()

    def hold():
        entered = lock.enter("a long call")
        done.wait()
        entered.leave()

    thread = _thread(hold)
    _until(lambda: lock.calls)
    with pytest.raises(ConcurrentUseError, match="waited"):
        lock.take("training")
    assert not lock.owner
    done.set()
    thread.join()
    lock.take("training").give_back()


def test_a_call_of_the_native_object_never_sees_a_switched_mode():
    lock, modes, wrong = Access(), Modes(), []

    def native():
        for _ in range(200):
            entered = lock.enter_native()
            if not modes.training:
                wrong.append("switched")
            entered.leave_native()

    def call():
        for _ in range(200):
            entered = lock.enter("a call")
            with lock.lock:
                lock.make_ready(modes, modes)
            if modes.training:
                wrong.append("not switched")
            entered.leave()

    def train():
        for _ in range(50):
            taken = lock.take("training")
            switched = taken.switch(modes, modes, False)
            if modes.training:
                wrong.append("not switched for the owner")
            taken.switch_back(switched)
            taken.give_back()

    together(native, native, call, call, train)
    assert wrong == []
    assert modes.training


def test_locks_that_became_one():
    a, b, c = Access(), Access(), Access()
    c.join(a)
    c.join(b)
    assert a.root() is b.root() is c.root()
    taken = a.take("training", refuses=True)
    found = []

    def call():
        try:
            b.enter("a call")
        except ConcurrentUseError as error:
            found.append(str(error))

    _thread(call).join()
    taken.give_back()
    assert len(found) == 1


def test_joining_waits_for_calls():
    a, b, c = Access(), Access(), Access()
    c.join(a)
    held, done = b.enter("a call"), []
    thread = _thread(lambda: done.append(c.join(b)))
    _until(lambda: b.owner)
    assert not done
    held.leave()
    thread.join()
    assert a.root() is b.root()


def test_copies_are_locks_of_their_own():
    lock = Access()
    taken = lock.take("training", refuses=True)
    for other in (copy.deepcopy(lock), pickle.loads(pickle.dumps(lock))):
        assert not other.owner
    taken.give_back()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_waits_for_nobody():
    lock, modes = Access(), Modes()
    inside, leave = threading.Event(), threading.Event()

    def call():
        entered = lock.enter("a call")
        with lock.lock:
            lock.make_ready(modes, modes)
        inside.set()
        leave.wait()
        entered.leave()

    thread = _thread(call)
    inside.wait()
    child = os.fork()
    if not child:
        ok = not lock.calls and modes.training
        lock.take("training").give_back()
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    leave.set()
    thread.join()
