"""Waits for a condition with a deadline, so that a hanging test fails with a reason."""

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], bool], *, seconds: float = 10, state: Callable[[], object] = str
) -> None:
    """Wait until `condition` returns True.

    After `seconds`, raises AssertionError with what `state` returns.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (
            f"The condition is still not met after {seconds} s. {state()}"
        )
        time.sleep(0.01)
