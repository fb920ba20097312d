"""Waiting for a condition with a deadline, so that a test that hangs fails and says why."""

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], bool], *, seconds: float = 10, state: Callable[[], object] = str
) -> None:
    """Wait until `condition` returns True.

    Raises AssertionError after this many seconds, with what `state` then returns.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still waiting after {seconds} s. {state()}"
        time.sleep(0.01)
