"""Ctrl-C is held back while a block runs, and delivered at its end."""

import os
import signal
import threading

import pytest

from minitx.training.interrupts import uninterrupted


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def test_the_block_is_finished_before_the_interrupt_comes():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            press_ctrl_c()
            press_ctrl_c()
            done.append("all of the block")
        done.append("something after the block")
    assert done == ["all of the block"]


def test_without_ctrl_c_nothing_happens_and_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with uninterrupted():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_in_the_block_comes_through_and_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), uninterrupted():
        press_ctrl_c()
        1 / 0  # noqa: B018
    assert signal.getsignal(signal.SIGINT) is before


def test_a_handler_of_the_program_gets_the_signal_afterwards():
    calls = []
    before = signal.signal(signal.SIGINT, lambda *_: calls.append("handled"))
    try:
        with uninterrupted():
            press_ctrl_c()
            calls.append("worked")
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == ["worked", "handled"]


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            press_ctrl_c()
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name != "posix", reason="os.kill sends SIGINT on POSIX only")
def test_in_another_thread_the_block_runs_and_the_main_thread_is_interrupted_as_ever():
    done, started, go_on = [], threading.Event(), threading.Event()

    def work():
        with uninterrupted():
            started.set()
            go_on.wait(10)
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    started.wait(10)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        go_on.wait(10)
    go_on.set()
    thread.join(10)
    assert done == [True]
