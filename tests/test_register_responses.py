"""`register.py` with responses that Microsoft Graph does not document."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.registering import MULTI, ROLES, Caller, Change, caller, nothing_given

__all__ = ["caller", "nothing_given"]

Damage = Callable[[httpx2.Response], httpx2.Response]


def parts(value: Any) -> list[tuple[Any, Any]]:
    """Return every list and object in a value, with each of its indexes or names."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value if isinstance(value, dict) else range(len(value)))
    return [(value, key) for key in keys] + [part for key in keys for part in parts(value[key])]


def damage(at: int, value: Any) -> Damage:
    """Return a change of one part of a JSON document: to a value, or to nothing if it is `...`."""

    def change(response: httpx2.Response) -> httpx2.Response:
        document = json.loads(response.content or "{}")
        found = parts(document)
        if not found:
            return response
        whole, key = found[at % len(found)]
        if value is ...:
            del whole[key]
        else:
            whole[key] = value
        return httpx2.Response(response.status_code, content=json.dumps(document).encode())

    return change


def behaviour(damages: dict[int, Damage], lasting: bool) -> Change:
    """Return what a proxy does to the requests with these numbers, or from each of them on."""

    def change(number: int, _: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        last = max((at for at in damages if at <= number), default=0) if lasting else number
        return damages[last](response) if last in damages else response

    return change


TEXTS = st.text(st.characters(exclude_categories=[]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
LINKS = st.sampled_from(
    ["https://graph.microsoft.com/v1.0/me", "https://graph.microsoft.com/v1.0\0"]
)
ENVELOPES = st.fixed_dictionaries({"error": JSON}) | st.fixed_dictionaries(
    {"value": st.just([]) | JSON}, optional={"@odata.nextLink": JSON | LINKS}
)
BODIES = st.binary(max_size=40) | (JSON | ENVELOPES).map(lambda value: json.dumps(value).encode())
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(["text/html", "application/json", "text/plain;charset=hex"])
        | PRINTABLE,
        "Content-Encoding": st.sampled_from(["gzip", "identity"]),
        "Location": PRINTABLE,
        "Retry-After": st.sampled_from(["0", "2.5", "9" * 400, "Fri, 1 Jan 9999 1:1:1 +9999999999"])
        | PRINTABLE,
        "WWW-Authenticate": st.just('Bearer error="insufficient_claims", claims="e30="')
        | PRINTABLE.map('Bearer error="insufficient_claims", claims="{}'.format),
    },
)
STATUSES = st.sampled_from([200, 201, 204, 400, 401, 403, 404, 409, 429, 500, 503]) | st.integers(
    100, 599
)
DAMAGES = st.one_of(
    st.builds(damage, st.integers(0, 500), JSON | st.just(...)),
    st.builds(
        lambda status, headers, body: (
            lambda _: httpx2.Response(status, headers=headers, content=body)
        ),
        STATUSES,
        HEADERS,
        BODIES,
    ),
)
COMMANDS = [
    *["plan", "apply", "apply --admin-consent", "doctor", "token", "destroy"],
    "assign bob@contoso.example User",
    "client --spa http://localhost:5173",
    *["client --daemon", "client --daemon --federated https://token.example job"],
    "client --managed-identity {identity}",
]
DAEMON = "client --daemon --federated https://token.example job"


@pytest.mark.parametrize("caller", [ROLES, MULTI], indirect=True)
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    command=st.sampled_from(COMMANDS),
    applied=st.booleans(),
    change=st.builds(
        behaviour,
        st.dictionaries(st.integers(1, 25), DAMAGES, min_size=1, max_size=3),
        st.booleans(),
    ),
)
def test_any_response_ends_in_a_result_or_a_message(
    caller: Caller,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    applied: bool,
    change: Change,
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    caller.start_over()
    identity = caller.directory.add_managed_identity("todo-job")
    command = command.format(identity=identity["id"])
    if applied:
        assert caller.run("apply") == 0
    honest = caller.http
    caller.go_through(change)
    status = caller.run(*command.split())
    assert status in range(8)
    if "usage: " not in caller.err:
        # Statuses 0 and 1 are results; the others have a message.
        assert caller.err.count("register.py: ") == (status > 1), caller.err
        assert caller.err.startswith("register.py: ") == (status > 1)
    assert sum(caller.slept) < 300
    caller.http = honest
    if caller.run("apply") == 6:
        assert caller.run("destroy") == 0
        assert caller.run("apply") == 0, caller.err
    if "--daemon" in command:
        assert caller.run(*DAEMON.split()) == 0, caller.err
    assert caller.run("doctor") == 0, caller.out
