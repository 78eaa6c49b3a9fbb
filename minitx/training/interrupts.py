"""Ctrl-C without damage: an interrupt that arrives in the middle of a piece of work waits until the work is done.

Python raises KeyboardInterrupt between any two lines, also between the update of one parameter and the next. Inside
`uninterrupted` the signal is only noted, and delivered at the end of the block. Notebook: 15.
"""

import contextlib
import signal
import threading


@contextlib.contextmanager
def uninterrupted():
    """Hold ctrl-C back until the end of the `with` block, and deliver it then.

    Only the main thread ever receives ctrl-C; in other threads the block runs as if there were no `with`.

    Examples
    --------
    >>> try:
    ...     with uninterrupted():
    ...         signal.raise_signal(signal.SIGINT)
    ...         print("the work was done")
    ... except KeyboardInterrupt:
    ...     print("then came the interrupt")
    the work was done
    then came the interrupt
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting = []
    before = signal.signal(signal.SIGINT, lambda *_: waiting.append(True))
    try:
        yield
    finally:
        # None stands for a handler that was not installed by Python and cannot be put back by it.
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)
    if waiting:
        signal.raise_signal(signal.SIGINT)
