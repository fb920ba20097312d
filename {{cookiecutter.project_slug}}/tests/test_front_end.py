"""A front end of the developer's own: `python -m dev --front-end URL` and `--https`."""

import stat
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from starlette.testclient import TestClient

from dev import __main__ as command
from dev import certificate
from dev.directory import CONTOSO, DOCS_CLIENT_ID, front_end
from dev.entra import SCOPE, StandIn, code_challenge
from dev.service import local_settings
from tests.conftest import ENTRA

PAGE = "http://localhost:5173"
VERIFIER = "v" * 43


@pytest.fixture
def browser() -> TestClient:
    """Return a client of a stand-in at which one front end is registered."""
    app = StandIn(ENTRA, [front_end(PAGE)]).app
    return TestClient(app, base_url=ENTRA, follow_redirects=False)


def question(redirect_uri: str) -> dict[str, str]:
    """Return the parameters with which the front end asks for a code."""
    return {
        "client_id": front_end(PAGE).id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": SCOPE,
        "code_challenge": code_challenge(VERIFIER),
        "code_challenge_method": "S256",
        "login_hint": "bob@contoso.example",
    }


@pytest.mark.parametrize("redirect_uri", [PAGE, f"{PAGE}/"])
def test_front_end_redeems_a_code(browser: TestClient, redirect_uri: str) -> None:
    path = f"/{CONTOSO.id}/oauth2/v2.0"
    response = browser.get(f"{path}/authorize", params=question(redirect_uri))
    (code,) = parse_qs(urlsplit(response.headers["location"]).query)["code"]
    form = {
        "client_id": front_end(PAGE).id,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": VERIFIER,
    }
    response = browser.post(f"{path}/token", data=form, headers={"Origin": PAGE})
    assert response.json()["access_token"]
    assert response.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize("redirect_uri", [f"{PAGE}/other", "http://localhost:5174"])
def test_other_redirect_uri_is_refused(browser: TestClient, redirect_uri: str) -> None:
    path = f"/{CONTOSO.id}/oauth2/v2.0/authorize"
    response = browser.get(path, params=question(redirect_uri))
    assert response.status_code == 400
    assert "AADSTS50011" in response.text


def test_token_endpoint_hides_its_response_from_other_origins(browser: TestClient) -> None:
    path = f"/{CONTOSO.id}/oauth2/v2.0/token"
    response = browser.post(path, headers={"Origin": "http://localhost:5174"})
    assert "access-control-allow-origin" not in response.headers


def test_client_id_depends_on_the_address_only() -> None:
    assert front_end(PAGE) == front_end(f"{PAGE}/")
    assert len({front_end(PAGE).id, front_end(f"{PAGE}/a").id, DOCS_CLIENT_ID}) == 3


def test_service_lets_front_ends_call() -> None:
    settings = local_settings(ENTRA, f"{PAGE},https://app.example.com")
    assert settings.cors_origins == (PAGE, "https://app.example.com")


@pytest.mark.parametrize(
    "url", ["localhost:5173", "http://app.example.com", f"{PAGE}/?a=1", f"{PAGE}#a", "http://[", ""]
)
def test_address_that_entra_id_would_not_register_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["dev", f"--front-end={url}"])
    with pytest.raises(SystemExit):
        command.main()
    assert "cannot be the redirect URI of a page: expected http" in capsys.readouterr().err


def test_certificate_is_created_once_and_is_for_localhost_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"CERTIFICATE": "localhost.pem", "KEY": "localhost-key.pem", "AUTHORITY": "ca.pem"}
    for name, file in files.items():
        monkeypatch.setattr(certificate, name, tmp_path / file)
    certificate.prepare_certificate()
    first = {file: (tmp_path / file).read_bytes() for file in files.values()}
    certificate.prepare_certificate()
    assert first == {file: (tmp_path / file).read_bytes() for file in files.values()}
    created = x509.load_pem_x509_certificate(first["localhost.pem"])
    names = created.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert b"PRIVATE KEY" not in first["ca.pem"] + first["localhost.pem"]
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "localhost-key.pem").stat().st_mode) == 0o600
    assert certificate.trusting_context().cert_store_stats()["x509"] == 1
