"""How `register.py` meets a Microsoft Graph that does not answer as it should."""

import pytest
from starlette.responses import JSONResponse, Response

from tests.registering import Caller, broken, caller, is_right, nothing_given

__all__ = ["caller", "nothing_given"]


@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_busy_graph_is_asked_again_when_it_says(caller: Caller, status: int) -> None:
    caller.directory.fault = lambda number, *_: broken(status) if number % 2 else None
    assert caller.run("apply") == 0, caller.err
    assert set(caller.slept) == {7}
    is_right(caller)


@pytest.mark.parametrize(
    ("told", "waited"), [("7", [7] * 5), ("600", []), ("soon", [1, 2, 4, 8, 16])]
)
def test_retries_are_bounded(caller: Caller, told: str, waited: list[int]) -> None:
    body = {"error": {"code": "TooManyRequests", "message": "slow down"}}
    answer = JSONResponse(body, 429, headers={"Retry-After": told})
    caller.directory.fault = lambda *_: answer
    assert caller.run("apply") == 5
    assert caller.slept == waited
    assert "429 TooManyRequests: slow down" in caller.err


def test_what_is_no_answer_of_graph_is_said(caller: Caller) -> None:
    caller.directory.fault = lambda *_: Response("<html>proxy</html>", 502)
    assert caller.run("plan") == 5
    assert "Is a proxy in between?" in caller.err
    caller.directory.fault = lambda *_: JSONResponse(
        {"error": {"code": "InvalidAuthenticationToken", "message": "x"}}, 401
    )
    assert caller.run("plan") == 3
