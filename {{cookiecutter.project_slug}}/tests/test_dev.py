"""The stand-in for Entra ID, and the command `python -m dev`."""

import errno
import json
import socket
import sys
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.x509 import load_pem_x509_certificate
from starlette.testclient import TestClient

from dev import __main__ as command
from dev.assertions import ASSERTION_TYPE, prepare_credentials, thumbprint_of
from dev.directory import (
    API_CLIENT_ID,
    COMMAND,
    CONTOSO,
    DAEMONS,
    DOCS_CLIENT_ID,
    FABRIKAM,
    PEOPLE,
    person_called,
)
from dev.entra import API, API_SCOPES, MULTI_TENANT, SCOPE, StandIn, code_challenge
from dev.service import local_settings
from tests.conftest import DOCS_PAGE, ENTRA

VERIFIER = "v" * 43
REDIRECT = "http://localhost:8000/oauth2-redirect"
ORIGIN = "http://localhost:8000"
AUTHORIZE = f"/{CONTOSO.id}/oauth2/v2.0/authorize"
TOKEN = f"/{CONTOSO.id}/oauth2/v2.0/token"
NIGHTLY = DAEMONS[0]
QUESTION = {
    "client_id": DOCS_CLIENT_ID,
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "scope": f"{SCOPE} openid offline_access",
    "state": "a state",
    "nonce": "a nonce",
    "code_challenge": code_challenge(VERIFIER),
    "code_challenge_method": "S256",
    "login_hint": person_called("bob").username,
}


class Clock:
    """A clock that a test controls."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the current time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return the clock of the stand-in."""
    return Clock()


@pytest.fixture
def browser(clock: Clock) -> TestClient:
    """Return a client of a new stand-in."""
    app = StandIn(ENTRA, [DOCS_PAGE, COMMAND], clock).app
    return TestClient(app, base_url=ENTRA, follow_redirects=False)


def authorize(browser: TestClient, path: str = AUTHORIZE, **changes: str) -> dict[str, str]:
    """Request an authorization code; return the parameters of the redirect."""
    response = browser.get(path, params=QUESTION | changes)
    assert response.status_code == 302, response.text
    target = urlsplit(response.headers["location"])
    return {name: value for name, (value,) in parse_qs(target.query).items()}


def redeem(
    browser: TestClient, code: str, changes: dict[str, str] | None = None, *, origin: str = ORIGIN
) -> Any:
    """Redeem a code as a page of this origin does, or without an origin."""
    form = {
        "client_id": DOCS_CLIENT_ID,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    headers = {"Origin": origin} if origin else {}
    return browser.post(TOKEN, data=form | (changes or {}), headers=headers)


def refuses(response: Any, error: str, number: int | None) -> None:
    """Assert that the response is this error, in the form that Entra ID uses."""
    assert response.status_code in {400, 401}
    body = response.json()
    assert body["error"] == error
    assert body["error_codes"] == ([number] if number else [])
    assert body["error_description"].startswith(f"AADSTS{number}: " if number else "")
    assert {"timestamp", "trace_id", "correlation_id"} <= set(body)


def test_pkce_sign_in_returns_an_access_token_and_an_id_token(browser: TestClient) -> None:
    parameters = authorize(browser)
    assert parameters["state"] == "a state"
    response = redeem(browser, parameters["code"])
    assert response.headers["access-control-allow-origin"] == ORIGIN
    tokens = response.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3599)
    access = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert access["oid"] == person_called("bob").object_id
    assert access["scp"] == "access_as_user"
    identity = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert (identity["aud"], identity["nonce"]) == (DOCS_CLIENT_ID, "a nonce")


def test_refresh_token_is_exchanged_only_once(browser: TestClient) -> None:
    first = redeem(browser, authorize(browser)["code"]).json()["refresh_token"]
    form = {"client_id": DOCS_CLIENT_ID, "grant_type": "refresh_token", "refresh_token": first}
    second = browser.post(TOKEN, data=form, headers={"Origin": ORIGIN}).json()
    assert second["access_token"]
    assert second["refresh_token"] != first
    refuses(browser.post(TOKEN, data=form, headers={"Origin": ORIGIN}), "invalid_grant", 70000)


def test_account_picker_lists_only_people_of_the_tenant(browser: TestClient) -> None:
    page = browser.get(AUTHORIZE, params=QUESTION | {"login_hint": ""}).text
    for person in PEOPLE:
        assert (f'value="{person.username}"' in page) == (person.tenant == CONTOSO)
    assert "not Microsoft" in page
    assert "AADSTS" not in page


@pytest.mark.parametrize(
    ("username", "number"),
    [("erin@fabrikam.example", 50020), ("<script>@x.example", 50034)],
    ids=["another tenant", "unknown"],
)
def test_person_outside_the_tenant_cannot_sign_in(
    browser: TestClient, username: str, number: int
) -> None:
    response = browser.get(AUTHORIZE, params=QUESTION | {"login_hint": username})
    assert response.status_code == 200
    assert f"AADSTS{number}" in response.text
    assert "<script>" not in response.text


def test_cancelled_sign_in_redirects_with_an_error(browser: TestClient) -> None:
    parameters = authorize(browser, error="access_denied")
    assert parameters["error"] == "access_denied"
    assert parameters["state"] == "a state"


def test_code_is_redeemed_only_once(browser: TestClient) -> None:
    code = authorize(browser)["code"]
    assert redeem(browser, code).status_code == 200
    refuses(redeem(browser, code), "invalid_grant", 54005)


def test_expired_code_is_refused(browser: TestClient, clock: Clock) -> None:
    code = authorize(browser)["code"]
    clock.now += 60
    refuses(redeem(browser, code), "invalid_grant", 70008)


@pytest.mark.parametrize(
    ("changes", "error", "number"),
    [
        ({"code": "x"}, "invalid_grant", 70000),
        ({"client_id": COMMAND.id}, "invalid_grant", 70000),
        ({"redirect_uri": "http://localhost:8000/"}, "invalid_grant", 70000),
        ({"code_verifier": "w" * 43}, "invalid_grant", 501481),
        ({"code_verifier": "v" * 42}, "invalid_grant", 501481),
        ({"code_verifier": "v" * 129}, "invalid_grant", 501481),
        ({"client_id": CONTOSO.id}, "unauthorized_client", 700016),
        ({"grant_type": "client_credentials"}, "invalid_client", 7000218),
        ({"grant_type": "password"}, "unsupported_grant_type", 70003),
    ],
    ids=[
        "unknown code",
        "another client",
        "another redirect URI",
        "another code verifier",
        "short code verifier",
        "long code verifier",
        "unknown client",
        "client credentials",
        "password",
    ],
)
def test_invalid_redemption_is_refused(
    browser: TestClient, changes: dict[str, str], error: str, number: int
) -> None:
    code = authorize(browser)["code"]
    refuses(redeem(browser, code, changes), error, number)


def test_redemption_without_a_code_verifier_or_client_is_refused(browser: TestClient) -> None:
    form = {
        "client_id": DOCS_CLIENT_ID,
        "grant_type": "authorization_code",
        "code": authorize(browser)["code"],
        "redirect_uri": REDIRECT,
    }
    refuses(browser.post(TOKEN, data=form, headers={"Origin": ORIGIN}), "invalid_request", 9002325)
    del form["client_id"]
    refuses(browser.post(TOKEN, data=form, headers={"Origin": ORIGIN}), "invalid_request", 900144)


def test_page_cannot_redeem_without_its_origin(browser: TestClient) -> None:
    code = authorize(browser)["code"]
    refuses(redeem(browser, code, origin=""), "invalid_request", 9002327)
    token = redeem(browser, code).json()["refresh_token"]
    form = {"client_id": DOCS_CLIENT_ID, "grant_type": "refresh_token", "refresh_token": token}
    refuses(browser.post(TOKEN, data=form), "invalid_request", 9002327)
    assert browser.post(TOKEN, data=form, headers={"Origin": ORIGIN}).status_code == 200


def test_program_cannot_redeem_with_an_origin(browser: TestClient) -> None:
    changes = {"client_id": COMMAND.id, "redirect_uri": "http://localhost:4711"}
    code = authorize(browser, **changes)["code"]
    refuses(redeem(browser, code, changes), "invalid_request", 9002326)
    assert redeem(browser, code, changes, origin="").status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "c" * 42}, "invalid_request"),
        ({"code_challenge": "c" * 129}, "invalid_request"),
        ({"code_challenge": "c" * 42 + "="}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"prompt": "never"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"scope": "api://default/.default"}, "invalid_scope"),
        ({"scope": f"{SCOPE} api://{API_CLIENT_ID}/.default"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
    ],
    ids=[
        "implicit flow",
        "plain code challenge",
        "no code challenge",
        "short code challenge",
        "long code challenge",
        "padded code challenge",
        "unsupported response mode",
        "unknown prompt",
        "silent sign-in",
        "default scope of an unknown API",
        "default scope with another scope",
        "no scope",
    ],
)
def test_invalid_request_redirects_with_an_error(
    browser: TestClient, changes: dict[str, str], error: str
) -> None:
    assert authorize(browser, **changes)["error"] == error


@pytest.mark.parametrize(
    ("path", "changes", "number"),
    [
        (AUTHORIZE, {"redirect_uri": "http://127.0.0.1:8000/oauth2-redirect"}, 50011),
        (AUTHORIZE, {"redirect_uri": "https://evil.example"}, 50011),
        (AUTHORIZE, {"redirect_uri": "http://[", "client_id": COMMAND.id}, 50011),
        (AUTHORIZE, {"client_id": CONTOSO.id}, 700016),
        (AUTHORIZE.replace(CONTOSO.id, "nobody.example"), {}, 90002),
    ],
    ids=["another host", "another site", "invalid URI", "unknown client", "unknown tenant"],
)
def test_error_that_must_not_redirect_is_shown_on_a_page(
    browser: TestClient, path: str, changes: dict[str, str], number: int
) -> None:
    response = browser.get(path, params=QUESTION | changes)
    assert response.status_code == 400
    assert f"AADSTS{number}" in response.text


def test_fragment_response_mode_answers_in_the_fragment(browser: TestClient) -> None:
    response = browser.get(AUTHORIZE, params=QUESTION | {"response_mode": "fragment"})
    target = urlsplit(response.headers["location"])
    assert not target.query
    assert {"code", "state"} == set(parse_qs(target.fragment))


def test_form_post_response_mode_answers_with_an_escaped_form(browser: TestClient) -> None:
    changes = {"response_mode": "form_post", "state": '"><script>'}
    response = browser.get(AUTHORIZE, params=QUESTION | changes)
    assert response.status_code == 200
    assert f'<form method="post" action="{REDIRECT}">' in response.text
    assert 'name="code" value="' in response.text
    assert 'name="state" value="&quot;&gt;&lt;script&gt;"' in response.text


def test_select_account_shows_the_picker_despite_a_login_hint(browser: TestClient) -> None:
    page = browser.get(AUTHORIZE, params=QUESTION | {"prompt": "select_account"})
    assert page.status_code == 200
    assert "Pick an account" in page.text
    assert 'name="prompt"' not in page.text


def test_default_scope_grants_every_scope_of_the_api(browser: TestClient) -> None:
    code = authorize(browser, scope=f"api://{API_CLIENT_ID}/.default openid")["code"]
    assert set(redeem(browser, code).json()["scope"].split()) == API_SCOPES


def test_token_without_an_api_scope_is_for_microsoft_graph(browser: TestClient) -> None:
    tokens = redeem(browser, authorize(browser, scope="openid profile")["code"]).json()
    access = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert access["aud"] == "00000003-0000-0000-c000-000000000000"
    assert access["scp"] == "openid profile"


def test_id_token_has_no_claims_for_the_api(browser: TestClient) -> None:
    tokens = redeem(browser, authorize(browser)["code"]).json()
    identity = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert not {"roles", "scp", "acct"} & set(identity)


def test_client_info_identifies_the_person_on_request(browser: TestClient) -> None:
    code = authorize(browser, client_info="1")
    tokens = redeem(browser, code["code"], {"client_info": "1"}).json()
    for info in (code["client_info"], tokens["client_info"]):
        ids = json.loads(urlsafe_b64decode(info + "=="))
        assert ids == {"uid": person_called("bob").object_id, "utid": CONTOSO.id}


def test_ids_are_case_insensitive(browser: TestClient) -> None:
    path = AUTHORIZE.replace(CONTOSO.id, CONTOSO.id.upper())
    assert "code" in authorize(browser, path, client_id=DOCS_CLIENT_ID.upper())


@pytest.mark.parametrize("segment", ["common", "organizations"])
def test_shared_endpoint_signs_in_only_for_a_multi_tenant_service(
    browser: TestClient, segment: str
) -> None:
    path = AUTHORIZE.replace(CONTOSO.id, segment)
    erin = person_called("erin").username
    assert ("code" in authorize(browser, path, login_hint=erin)) == MULTI_TENANT
    document = browser.get(f"/{segment}/v2.0/.well-known/openid-configuration").json()
    assert document["issuer"] == ENTRA + "/{tenantid}/v2.0"


def test_people_sign_in_only_at_their_own_tenant(browser: TestClient) -> None:
    path = AUTHORIZE.replace(CONTOSO.id, FABRIKAM.domain)
    assert "code" in authorize(browser, path, login_hint=person_called("erin").username)
    response = browser.get(path, params=QUESTION)
    assert response.status_code == 200
    assert "erin@fabrikam.example" in response.text


def test_sign_out_redirects_only_to_a_registered_uri(browser: TestClient) -> None:
    path = f"/{CONTOSO.id}/oauth2/v2.0/logout"
    response = browser.get(path, params={"post_logout_redirect_uri": REDIRECT})
    assert response.headers["location"] == REDIRECT
    response = browser.get(path, params={"post_logout_redirect_uri": "https://evil.example"})
    assert (response.status_code, "location" in response.headers) == (200, False)


def run_command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """Run `python -m dev` with arguments that make it fail; return its message."""
    monkeypatch.setattr(sys, "argv", ["dev", *arguments])
    with pytest.raises(SystemExit) as stopped:
        command.main()
    assert stopped.value.code != 0
    return str(stopped.value.code)


def taken_port() -> socket.socket:
    """Return a socket that listens on a free port."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.listen()
    return holder


def test_message_names_the_port_that_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with taken_port() as holder:
        port = holder.getsockname()[1]
        assert f"Port {port} is taken" in run_command(monkeypatch, "--entra-port", str(port))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no privileged ports")
def test_message_names_the_port_that_requires_privileges(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(command, "_bound", refuse)
    said = run_command(monkeypatch, "--entra-port", "80")
    assert said == "Port 80 requires privileges. Choose one above 1023 with --entra-port."


def test_shared_port_of_both_servers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "cannot share a port" in run_command(monkeypatch, "--port", "8400")


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_invalid_port_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: str
) -> None:
    run_command(monkeypatch, "--port", port)
    assert "expected a number from 1 to 65535" in capsys.readouterr().err


def test_token_command_requires_a_running_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with taken_port() as holder:
        port = str(holder.getsockname()[1])
    named = ["--entra-port", port]
    for arguments in (["token", "--as", "bob", *named], [*named, "token", "--as", "bob"]):
        said = run_command(monkeypatch, *arguments)
        assert f"No stand-in for Entra ID answers on port {port}." in said


CERTIFICATE_REFUSALS: dict[str, tuple[dict[str, Any], int]] = {
    "wrong audience": ({"aud": "https://login.example/token"}, 700023),
    "expired": ({"exp": 1_799_999_999}, 700024),
    "not valid yet": ({"nbf": 1_800_000_400}, 700024),
    "of another client": ({"iss": COMMAND.id, "sub": COMMAND.id}, 700021),
    "without an id": ({"jti": None}, 50027),
    "whose expiry is text": ({"exp": "never"}, 50027),
}


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the certificates of the daemons."""
    folder = tmp_path_factory.mktemp("credentials")
    prepare_credentials(folder)
    return folder


@pytest.fixture
def daemon(clock: Clock, credentials: Path) -> TestClient:
    """Return a client of a new stand-in that knows the certificates."""
    app = StandIn(ENTRA, [DOCS_PAGE, COMMAND], clock, credentials).app
    return TestClient(app, base_url=ENTRA)


def assertion(credentials: Path, signer: str = "nightly", **changes: Any) -> str:
    """Return an assertion of nightly with these claims, signed with a daemon's certificate."""
    pem = (credentials / f"{signer}.pem").read_bytes()
    claims = {
        "aud": f"{ENTRA}{TOKEN}",
        "iss": NIGHTLY.client_id,
        "sub": NIGHTLY.client_id,
        "jti": str(uuid4()),
        "exp": 1_800_000_600,
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    thumbprint = thumbprint_of(load_pem_x509_certificate(pem))
    return jwt.encode(claims, pem, "PS256", {"x5t#S256": thumbprint})


def sign_in_daemon(browser: TestClient, asserted: str, path: str = TOKEN, **changes: str) -> Any:
    """Request an app-only token for nightly."""
    form = {
        "client_id": NIGHTLY.client_id,
        "grant_type": "client_credentials",
        "scope": f"{API}.default",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": asserted,
    }
    return browser.post(path, data=form | changes)


def test_certificate_yields_an_app_only_token(daemon: TestClient, credentials: Path) -> None:
    tokens = sign_in_daemon(daemon, assertion(credentials)).json()
    assert set(tokens) == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert (claims["idtyp"], claims["azp"], claims["azpacr"]) == ("app", NIGHTLY.client_id, "2")
    assert claims["oid"] == claims["sub"] == NIGHTLY.object_id
    assert claims.get("roles", []) == list(NIGHTLY.permissions)
    assert not {"scp", "name", "preferred_username", "acct"} & set(claims)


def test_certificate_may_be_named_by_its_sha1_thumbprint(
    daemon: TestClient, credentials: Path
) -> None:
    pem = (credentials / "nightly.pem").read_bytes()
    claims = jwt.decode(assertion(credentials), options={"verify_signature": False})
    thumbprint = thumbprint_of(load_pem_x509_certificate(pem), SHA1())  # noqa: S303
    older = jwt.encode(claims, pem, "RS256", {"x5t": f"{thumbprint}="})
    assert sign_in_daemon(daemon, older).status_code == 200


@pytest.mark.parametrize(
    ("changes", "number"), CERTIFICATE_REFUSALS.values(), ids=CERTIFICATE_REFUSALS
)
def test_invalid_assertion_is_refused(
    daemon: TestClient, credentials: Path, changes: dict[str, Any], number: int
) -> None:
    response = sign_in_daemon(daemon, assertion(credentials, **changes))
    refuses(response, "invalid_request" if number == 50027 else "invalid_client", number)


def test_assertion_signed_with_another_key_is_refused(
    daemon: TestClient, credentials: Path
) -> None:
    refuses(sign_in_daemon(daemon, assertion(credentials, "stranger")), "invalid_client", 700027)
    head, body, _ = assertion(credentials).split(".")
    signature = assertion(credentials, "stranger").rpartition(".")[2]
    refuses(sign_in_daemon(daemon, f"{head}.{body}.{signature}"), "invalid_client", 700027)
    refuses(sign_in_daemon(daemon, "a.b.c"), "invalid_request", 50027)


def test_assertion_is_accepted_only_once(daemon: TestClient, credentials: Path) -> None:
    asserted = assertion(credentials)
    assert sign_in_daemon(daemon, asserted).status_code == 200
    refuses(sign_in_daemon(daemon, asserted), "invalid_client", None)


@pytest.mark.parametrize(
    ("changes", "error", "number"),
    [
        ({"client_secret": "x"}, "invalid_client", 7000215),
        ({"client_assertion_type": "x"}, "invalid_client", 7000218),
        ({"client_id": FABRIKAM.id}, "unauthorized_client", 700016),
        ({"client_id": DOCS_CLIENT_ID}, "invalid_client", 700025),
        ({"scope": SCOPE}, "invalid_scope", 1002012),
        ({"scope": ""}, "invalid_scope", 1002012),
        ({"scope": f"{API}.default openid"}, "invalid_scope", 1002012),
        ({"scope": "https://graph.microsoft.com/.default"}, "invalid_resource", 500011),
        ({"path": f"/{FABRIKAM.id}/oauth2/v2.0/token"}, "unauthorized_client", 700016),
        ({"path": "/organizations/oauth2/v2.0/token"}, "invalid_request", 50059),
    ],
    ids=[
        "secret", "another type of assertion", "unknown client", "public client", "scope",
        "no scope", "two scopes", "another API", "another tenant", "no tenant",
    ],
)  # fmt: skip
def test_invalid_request_of_a_daemon_is_refused(
    daemon: TestClient, credentials: Path, changes: dict[str, str], error: str, number: int
) -> None:
    refuses(sign_in_daemon(daemon, assertion(credentials), **changes), error, number)


def test_credentials_of_daemons_are_kept(credentials: Path) -> None:
    before = {path.name: path.read_bytes() for path in credentials.iterdir()}
    prepare_credentials(credentials)
    assert {path.name: path.read_bytes() for path in credentials.iterdir()} == before
    assert set(before) == {f"{daemon.name}.pem" for daemon in DAEMONS}


def test_local_settings_ignore_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_CLIENT_ID", DOCS_CLIENT_ID)
    monkeypatch.setenv("ENTRA_AUTHORITY", "https://login.microsoftonline.com")
    settings = local_settings(ENTRA)
    assert settings.entra_authority == ENTRA
    assert str(settings.api_client_id) != DOCS_CLIENT_ID
