"""`register.py` with a Microsoft Graph that fails, is busy or does not answer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from starlette.responses import JSONResponse, Response

from tests.graph import error as graph_error
from tests.graph import missing
from tests.registering import Caller, broken, caller, is_right, nothing_given

__all__ = ["caller", "nothing_given"]


@pytest.mark.parametrize("status", [429, 503, 504])
def test_busy_graph_is_retried_after_the_time_it_asks_for(caller: Caller, status: int) -> None:
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


def test_unexpected_error_answer_is_reported(caller: Caller) -> None:
    caller.directory.fault = lambda *_: Response("<html>proxy</html>", 502)
    assert caller.run("plan") == 5
    assert "Check whether a proxy answered." in caller.err
    caller.directory.fault = lambda *_: JSONResponse(
        {"error": {"code": "InvalidAuthenticationToken", "message": "x"}}, 401
    )
    assert caller.run("plan") == 3


@pytest.mark.parametrize("status", [408, 409, 500, 502])
def test_transient_error_is_tried_three_times(caller: Caller, status: int) -> None:
    answer = JSONResponse({"error": {"code": "Broken", "message": "on purpose"}}, status)
    caller.directory.fault = lambda number, *_: answer if number % 3 else None
    assert caller.run("apply") == 0, caller.err
    assert set(caller.slept) == {1, 2}
    is_right(caller)
    caller.directory.fault = lambda *_: answer
    caller.directory.calls.clear()
    assert caller.run("apply") == 5
    assert f"{status} Broken: on purpose" in caller.err
    assert len(caller.directory.calls) == 3


def test_busy_answers_do_not_count_as_transient_errors(caller: Caller) -> None:
    answers = [broken(status) for status in (429, 503, 504, 500, 500)]
    caller.directory.fault = lambda *_: answers.pop(0) if answers else None
    assert caller.run("plan") == 0, caller.err
    assert len(caller.slept) == 5


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_deletion_whose_answer_was_lost_counts_as_done(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    caller.run("apply")
    failed = set()

    def fault(_: int, method: str, path: str) -> Response | None:
        if method != "DELETE" or path in failed:
            return None
        failed.add(path)
        return JSONResponse({"error": {"code": "Broken", "message": "on purpose"}}, status)

    caller.directory.fault, caller.directory.breaks_after = fault, True
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert caller.run("destroy") == 0, caller.err
    assert len(failed) == 6
    assert caller.directory.applications == caller.directory.deleted == {}
    assert caller.values()["API_CLIENT_ID"] == ""


def test_refused_deletion_does_not_count_as_done(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.run("apply")
    answers = [broken(429), *[graph_error(missing("it"))] * 6]
    caller.directory.fault = lambda _, method, path: (
        answers.pop(0) if method == "DELETE" and "/directory/" in path and answers else None
    )
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert caller.run("destroy") == 5
    assert "404 Request_ResourceNotFound" in caller.err
    assert "Removed:" not in caller.out


@pytest.mark.parametrize(
    ("told", "shortest", "longest"),
    [
        (lambda: "2.5", 2.5, 2.5),
        (lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True), 25, 30),
        (lambda: format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True), 0, 0),
        (lambda: "Wed, 21 Oct 2015 07:28:00 -0000", 0, 0),
        (lambda: "Wed, 99 Oct 2015 07:28:00 GMT", 1, 1),
    ],
    ids=["2.5", "date", "past", "without a zone", "not a date"],
)
def test_every_form_of_retry_after_is_honoured(
    caller: Caller, told: Callable[[], str], shortest: float, longest: float
) -> None:
    body = {"error": {"code": "TooManyRequests", "message": "slow down"}}
    answer = JSONResponse(body, 429, headers={"Retry-After": told()})
    caller.directory.fault = lambda number, *_: answer if number == 1 else None
    assert caller.run("plan") == 0, caller.err
    (waited,) = caller.slept
    assert shortest <= waited <= longest


GUEST_NETWORK = Response("<html>Sign in to the guest network</html>", media_type="text/html")


@pytest.mark.parametrize(
    "answer",
    [GUEST_NETWORK, Response(""), JSONResponse(["an array"])],
    ids=["HTML", "nothing", "an array"],
)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_answer_of_a_proxy_is_reported(caller: Caller, answer: Response, number: int) -> None:
    caller.directory.fault = lambda n, *_: answer if n == number else None
    assert caller.run("apply") == 5
    assert "something else (status 200). Check whether a proxy answered." in caller.err
    assert not caller.env.exists()


def test_answer_of_a_proxy_to_a_write_or_with_json_is_reported(caller: Caller) -> None:
    caller.directory.fault = lambda _, method, *__: GUEST_NETWORK if method == "PATCH" else None
    assert caller.run("apply") == 5
    assert "Check whether a proxy answered." in caller.err
    assert "Nothing else was changed." in caller.err
    caller.directory.fault = lambda *_: JSONResponse({"success": True})
    assert caller.run("plan") == 5
    assert "contains no list. Check whether a proxy answered." in caller.err


def test_account_without_a_tenant_is_reported(caller: Caller) -> None:
    caller.directory.organizations = []
    assert caller.run("apply") == 3
    assert "returned no tenant for this account" in caller.err
    assert "az login --tenant" in caller.err


def test_claims_challenge_is_passed_to_az_login(caller: Caller) -> None:
    challenge = (
        'Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="'
    )
    body = {"error": {"code": "InvalidAuthenticationToken", "message": "Continuous access."}}
    caller.directory.fault = lambda *_: JSONResponse(
        body, 401, headers={"WWW-Authenticate": challenge}
    )
    assert caller.run("plan") == 3
    assert "`az login --claims-challenge eyJhY2Nlc3NfdG9rZW4iOnt9fQ==`" in caller.err
    caller.directory.fault = lambda *_: JSONResponse(
        body, 401, headers={"WWW-Authenticate": 'Bearer claims="$(evil)"'}
    )
    assert caller.run("plan") == 3
    assert "claims-challenge" not in caller.err
