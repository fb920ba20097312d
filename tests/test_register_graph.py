"""`register.py` with a Microsoft Graph that fails, is busy or does not answer."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from starlette.responses import JSONResponse, Response

from tests.graph import GraphError, bad, missing
from tests.graph import error as graph_error
from tests.registering import Caller, broken, caller, is_right, nothing_given

__all__ = ["caller", "nothing_given"]


@pytest.mark.parametrize("status", [429, 503, 504])
def test_busy_graph_is_retried_after_the_time_it_asks_for(caller: Caller, status: int) -> None:
    caller.directory.fault = lambda number, *_: broken(status) if number % 2 else None
    assert caller.run("apply") == 0, caller.err
    assert set(caller.slept) == {7}
    is_right(caller)


@pytest.mark.parametrize(
    ("told", "waited", "when"),
    [
        ("7", [7] * 5, "later"),
        ("50", [50, 50], "later"),
        ("600", [], "in 600 seconds"),
        ("9" * 400, [], "later"),
        ("soon", [1, 2, 4, 8, 16], "later"),
    ],
    ids=["7", "50", "600", "infinite", "soon"],
)
def test_retries_are_bounded_in_number_and_time(
    caller: Caller, told: str, waited: list[int], when: str
) -> None:
    body = {"error": {"code": "TooManyRequests", "message": "slow down"}}
    response = JSONResponse(body, 429, headers={"Retry-After": told})
    caller.directory.fault = lambda *_: response
    assert caller.run("apply") == 5
    assert caller.slept == waited
    assert f"Run this command again {when}." in caller.err
    assert "429 TooManyRequests: slow down" in caller.err


def test_unexpected_error_response_is_reported(caller: Caller) -> None:
    caller.directory.fault = lambda *_: Response("<html>proxy</html>", 502)
    assert caller.run("plan") == 5
    assert "Check whether a proxy answered." in caller.err
    caller.directory.fault = lambda *_: JSONResponse(
        {"error": {"code": "InvalidAuthenticationToken", "message": "x"}}, 401
    )
    assert caller.run("plan") == 3
    assert "Run `az login --allow-no-subscriptions`, then run this command again." in caller.err


@pytest.mark.parametrize("status", [408, 409, 500, 502])
def test_transient_error_is_tried_three_times(caller: Caller, status: int) -> None:
    response = JSONResponse({"error": {"code": "Broken", "message": "on purpose"}}, status)
    caller.directory.fault = lambda number, *_: response if number % 3 else None
    assert caller.run("apply") == 0, caller.err
    assert set(caller.slept) == {1, 2}
    is_right(caller)
    caller.directory.fault = lambda *_: response
    caller.directory.calls.clear()
    assert caller.run("apply") == 5
    assert f"{status} Broken: on purpose" in caller.err
    assert len(caller.directory.calls) == 3


def test_busy_responses_do_not_count_as_transient_errors(caller: Caller) -> None:
    responses = [broken(status) for status in (429, 503, 504, 500, 500)]
    caller.directory.fault = lambda *_: responses.pop(0) if responses else None
    assert caller.run("plan") == 0, caller.err
    assert len(caller.slept) == 5


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_deletion_whose_response_was_lost_counts_as_done(
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
    responses = [broken(429), *[graph_error(missing("it"))] * 6]
    caller.directory.fault = lambda _, method, path: (
        responses.pop(0) if method == "DELETE" and "/directory/" in path and responses else None
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
        (lambda: f"{datetime.now(UTC) + timedelta(seconds=30):%A, %d-%b-%y %H:%M:%S GMT}", 25, 30),
        (lambda: f"{datetime.now(UTC) + timedelta(seconds=30):%a %b %e %H:%M:%S %Y}", 25, 30),
        (lambda: "Wed, 99 Oct 2015 07:28:00 GMT", 1, 1),
        (lambda: "Wed, 21 Oct 2015 07:28:00 +99999999999999", 1, 1),
        (lambda: "-1", 1, 1),
    ],
    ids=[
        "2.5",
        "date",
        "past",
        "without a zone",
        "RFC 850",
        "asctime",
        "not a date",
        "not a zone",
        "negative",
    ],
)
def test_every_form_of_retry_after_is_honoured(
    caller: Caller, told: Callable[[], str], shortest: float, longest: float
) -> None:
    body = {"error": {"code": "TooManyRequests", "message": "slow down"}}
    response = JSONResponse(body, 429, headers={"Retry-After": told()})
    caller.directory.fault = lambda number, *_: response if number == 1 else None
    assert caller.run("plan") == 0, caller.err
    (waited,) = caller.slept
    assert shortest <= waited <= longest


GUEST_NETWORK = Response("<html>Sign in to the guest network</html>", media_type="text/html")


SHOWN = {
    "HTML": (GUEST_NETWORK, '"<html>Sign in to the guest network</html>", but should be an object'),
    "nothing": (Response(""), 'it is "", but should be an object'),
    "nothing with 204": (Response(status_code=204), 'it is "", but should be an object'),
    "an array": (JSONResponse(["an array"]), 'it is ["an array"], but should be an object'),
    "half a document": (
        Response('{"value": ['),
        'it is "{\\"value\\": [", but should be an object',
    ),
    "not UTF-8": (Response(b"\xff\xfe\xff"), "but should be an object"),
    "nested": (Response('{"value":' + "[" * 200 + "]" * 200 + "}"), "but should be an object"),
    "lone surrogate": (Response('{"a": "\\ud800"}'), "but should be an object"),
    "not a number": (Response('{"a": NaN}'), "but should be an object"),
}


@pytest.mark.parametrize(("response", "shown"), SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_response_of_a_proxy_is_shown(
    caller: Caller, response: Response, shown: str, number: int
) -> None:
    caller.directory.fault = lambda n, *_: response if n == number else None
    assert caller.run("apply") == 5
    assert caller.err.startswith("register.py: GET /")
    assert shown in caller.err
    assert "Check whether a proxy answered." in caller.err
    assert not caller.env.exists()
    assert caller.directory.writes == []


APP_ID = "a9100000-0000-4000-8000-000000000001"
OTHER_SHAPES = {
    "no list": ("/organization", {"success": True}, "value is missing or null"),
    "null for a list": ("/organization", {"value": None}, "value is missing or null"),
    "no id": ("/organization", {"value": [{}]}, "value[0].id is missing or null"),
    "a number for an id": ("/me", {"id": 5}, "id is 5, but should be a GUID"),
    "a path for an id": ("/me", {"id": "../x"}, 'id is "../x", but should be a GUID'),
    "no name": ("/me", {"id": APP_ID}, "userPrincipalName is missing or null"),
    "an empty registration": ("/applications", {}, "id is missing or null"),
    "null for tags": (
        "/applications",
        {"id": APP_ID, "appId": APP_ID, "displayName": "", "tags": None},
        "tags is missing or null, but should be a list",
    ),
    "a number in tags": (
        "/applications",
        {"id": APP_ID, "appId": APP_ID, "displayName": "", "tags": ["", 1]},
        "tags[1] is 1, but should be a string",
    ),
    "a text for api": (
        "/applications",
        {"id": APP_ID, "appId": APP_ID, "displayName": "", "tags": [], "api": "x" * 99},
        f'api is "{"x" * 59}..., but should be an object',
    ),
    "an empty service principal": ("/servicePrincipals", {}, "id is missing or null"),
}


@pytest.mark.parametrize(("path", "body", "shown"), OTHER_SHAPES.values(), ids=OTHER_SHAPES)
def test_response_of_another_shape_is_shown(
    caller: Caller, path: str, body: object, shown: str
) -> None:
    for first in (True, False):
        caller.directory.fault = lambda _, method, asked: (
            JSONResponse(body) if method == "GET" and asked.startswith(path) else None
        )
        for command in ("plan", "apply"):
            if first and path == "/servicePrincipals":
                continue
            assert caller.run(command) == 5
            assert caller.err.startswith(f"register.py: GET {path}")
            assert f"cannot be used: {shown}" in caller.err
        caller.directory.fault = lambda *_: None
        assert caller.run("apply") == 0
    is_right(caller)


@pytest.mark.parametrize(
    "response",
    [GUEST_NETWORK, JSONResponse({"success": True}), Response("")],
    ids=["HTML", "JSON", "nothing"],
)
def test_write_answered_by_a_proxy_does_not_count_as_done(
    caller: Caller, response: Response
) -> None:
    for number in range(1, 9):
        written: list[str] = []

        def fault(
            _: int, method: str, path: str, number: int = number, written: list[str] = written
        ) -> Response | None:
            written += [path] * (method != "GET")
            return response if method != "GET" and len(written) == number else None

        caller.start_over()
        caller.directory.fault = fault
        assert caller.run("apply", "--admin-consent") == 5, number
        assert "Check whether a proxy answered." in caller.err
        assert "The request may have been carried out." in caller.err
        assert "Nothing else was changed." in caller.err or number > 1
        assert not caller.env.exists()
        assert caller.run("apply", "--admin-consent") == 0
        is_right(caller)


def test_page_that_does_not_exist_according_to_a_proxy_is_not_believed(caller: Caller) -> None:
    caller.run("apply")
    caller.directory.fault = lambda _, __, path: (
        Response("<html>", 404) if "applications" in path else None
    )
    for command in ("plan", "apply", "doctor", "destroy"):
        assert caller.run(command) == 5
        assert "404 without an error message from Microsoft Graph" in caller.err
    assert caller.slept == []
    text = {"error": {"code": "BadGateway", "message": "upstream: 404 not found"}}
    caller.directory.fault = lambda _, __, path: (
        JSONResponse(text, 400) if "applications" in path else None
    )
    assert caller.run("plan") == 5
    assert "400 BadGateway: upstream: 404 not found" in caller.err


@pytest.mark.parametrize("status", [401, 403])
def test_refusal_by_a_proxy_does_not_count_as_one_by_graph(caller: Caller, status: int) -> None:
    caller.directory.fault = lambda *_: Response("<html>", status)
    assert caller.run("plan") == 5
    assert f"{status} without an error message from Microsoft Graph" in caller.err


@pytest.mark.parametrize(
    "link",
    [
        "https://graph.microsoft.com/v1.0/directory/deletedItems/microsoft.graph.application",
        "https://evil.example/v1.0/users",
        "x",
    ],
)
def test_next_page_that_is_not_new_or_elsewhere_is_refused(caller: Caller, link: str) -> None:
    body = {"value": [], "@odata.nextLink": link}
    caller.directory.fault = lambda _, __, path: (
        JSONResponse(body) if "deletedItems" in path else None
    )
    assert caller.run("destroy") == 5
    assert f"the address of the next page is '{link}'" in caller.err


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize("lag", [0, 2])
def test_write_whose_response_was_lost_is_carried_out_once(
    caller: Caller, status: int, lag: int
) -> None:
    directory, seen = caller.directory, set()

    def fault(_: int, method: str, path: str) -> Response | None:
        call = method, path, json.dumps(sorted(directory.applications))
        if method == "GET" or call in seen:
            return None
        seen.add(call)
        return JSONResponse({"error": {"code": "Broken", "message": "on purpose"}}, status)

    directory.fault, directory.breaks_after, directory.lag = fault, True, lag
    assert caller.run("apply", "--admin-consent") == 0, caller.err
    assert len(seen) > 6
    is_right(caller)
    assert len(directory.principals) == 2
    assert len(directory.assignments) == 1
    assert len(directory.grants) == 1


@pytest.mark.parametrize("kind", ["lost", 500, 504])
def test_change_that_may_have_been_made_is_mentioned(caller: Caller, kind: str | int) -> None:
    caller.directory.fault = lambda *_: broken(kind)
    assert caller.run("apply") == 5
    assert "may have been carried out" not in caller.err
    caller.directory.fault = lambda _, asked, __: broken(kind) if asked == "PATCH" else None
    assert caller.run("apply") == 5
    assert "\nThe request may have been carried out.\n" in caller.err
    caller.directory.fault = lambda _, asked, __: broken(403) if asked == "PATCH" else None
    assert caller.run("apply") == 4
    assert "may have been carried out" not in caller.err


def test_replica_that_lags_after_a_lost_response_is_asked_again(caller: Caller) -> None:
    responses = [broken(500), graph_error(bad("The name uniqueName already exists."))]
    caller.directory.fault = lambda _, method, __: (
        responses.pop(0) if method == "PATCH" and responses else None
    )
    assert caller.run("apply") == 0, caller.err
    is_right(caller)


@pytest.mark.parametrize("status", [400, 409])
def test_name_that_is_taken_is_not_tried_again(caller: Caller, status: int) -> None:
    text = "Another object with the same value for property uniqueName already exists."
    response = graph_error(GraphError(status, "ObjectConflict", text))
    caller.directory.fault = lambda _, method, path: (
        response if method == "PATCH" and "todo-api-docs" in path else None
    )
    assert caller.run("apply") == 6
    assert "still holds the unique name todo-api-docs" in caller.err
    assert caller.slept == []


DISCOVERED: dict[str, dict[str, object]] = {
    "an array": {"openid-configuration": []},
    "no address of the keys": {"openid-configuration": {"issuer": "x"}},
    "a number for the issuer": {"openid-configuration": {"issuer": 5, "jwks_uri": "x"}},
    "a number for the address": {"openid-configuration": {"issuer": "x", "jwks_uri": 5}},
    "no address": {"openid-configuration": {"issuer": "x", "jwks_uri": "http://["}},
    "keys in an array": {"keys": []},
    "null for keys": {"keys": {"keys": None}},
    "a text for a key": {"keys": {"keys": ["x"]}},
}


@pytest.mark.parametrize("responses", DISCOVERED.values(), ids=DISCOVERED)
def test_discovery_of_another_shape_is_reported(
    caller: Caller, responses: dict[str, object]
) -> None:
    caller.run("apply")
    caller.go_through(
        lambda _, request, response: (
            httpx2.Response(200, json=responses[name])
            if (name := request.url.path.rpartition("/")[2]) in responses
            else response
        )
    )
    assert caller.run("doctor") == 1
    assert "did not return a discovery document and signing keys" in caller.out
    assert "-> check the network and any proxy" in caller.out


def test_address_of_keys_that_no_socket_accepts_is_reported(caller: Caller) -> None:
    caller.run("apply")

    def change(_: int, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        # A socket encodes the name of the host; the network in memory does not.
        request.url.host.encode("idna")
        discovered = request.url.path.endswith("openid-configuration")
        document = {"issuer": "x", "jwks_uri": "https://."}
        return httpx2.Response(200, json=document) if discovered else response

    caller.go_through(change)
    assert caller.run("doctor") == 1
    assert "did not return a discovery document and signing keys (UnicodeError" in caller.out


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
    assert caller.run("plan", "--tenant", "contoso.example") == 3
    command = (
        "az login --allow-no-subscriptions --tenant contoso.example --scope "
        "https://graph.microsoft.com/.default --claims-challenge eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="
    )
    assert "Conditional Access requires a new sign-in." in caller.err
    assert f"Run `{command}`, then run this command again." in caller.err
    caller.directory.fault = lambda *_: JSONResponse(
        body, 401, headers={"WWW-Authenticate": challenge.replace("eyJ", "$(evil)")}
    )
    assert caller.run("plan") == 3
    assert "claims-challenge" not in caller.err
    assert "Conditional Access requires a new sign-in." in caller.err
    caller.directory.fault = lambda *_: Response("", 401, headers={"WWW-Authenticate": challenge})
    assert caller.run("plan") == 3
    assert "--claims-challenge eyJ" in caller.err
