"""Client assertions: how a daemon signs in with a certificate (RFC 7523, section 2.2)."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import trustme
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509 import Certificate, load_pem_x509_certificate
from jwt.types import Options

from dev.directory import DAEMONS, Daemon
from dev.errors import refused

FOLDER = Path(__file__).parent
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 600
LEEWAY = 300
# `Assertions` checks the times and the audience, to refuse them with the error numbers of Entra ID.
UNCHECKED: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "require": ["aud", "iss", "sub", "jti", "exp"],
}


def prepare_credentials(folder: Path = FOLDER) -> None:
    """Create a file with a private key and its certificate for each daemon that has none."""
    for daemon in DAEMONS:
        path = credential_of(daemon, folder)
        if not path.exists():
            issued = trustme.CA().issue_cert(daemon.name, key_type=trustme.KeyType.RSA)
            path.touch(mode=0o600)
            issued.private_key_and_cert_chain_pem.write_to_path(path)


def credential_of(daemon: Daemon, folder: Path = FOLDER) -> Path:
    """Return the path of a daemon's private key and certificate."""
    return folder / f"{daemon.name}.pem"


def signed_assertion(daemon: Daemon, token_endpoint: str, folder: Path = FOLDER) -> str:
    """Return an assertion that signs a daemon in at this address, once."""
    pem = credential_of(daemon, folder).read_bytes()
    now = int(time.time())
    claims = {
        "aud": token_endpoint,
        "iss": daemon.client_id,
        "sub": daemon.client_id,
        "jti": str(uuid4()),
        "nbf": now,
        "exp": now + ASSERTION_SECONDS,
    }
    thumbprint = thumbprint_of(load_pem_x509_certificate(pem))
    return jwt.encode(claims, pem, "PS256", {"x5t#S256": thumbprint})


def thumbprint_of(certificate: Certificate, algorithm: HashAlgorithm | None = None) -> str:
    """Return the thumbprint of a certificate as it appears in a header, by default with SHA-256.

    See RFC 7515, sections 4.1.7 and 4.1.8.
    """
    digest = certificate.fingerprint(algorithm or SHA256())
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_named(certificate: Certificate, header: Mapping[str, Any]) -> bool:
    """Return whether the header of an assertion names this certificate."""
    # azure-identity uses SHA-1, and pads the thumbprint.
    sha1 = thumbprint_of(certificate, SHA1())  # noqa: S303  Entra ID accepts it too
    names = {"x5t#S256": thumbprint_of(certificate), "x5t": sha1}
    return any(str(header.get(name)).rstrip("=") == value for name, value in names.items())


class Assertions:
    """Checks assertions. Each can be used once."""

    def __init__(self, clock: Callable[[], float], folder: Path) -> None:
        self._clock = clock
        self._folder = folder
        self._used: set[str] = set()

    def check(self, form: Mapping[str, str], daemon: Daemon, audiences: set[str]) -> None:
        """Check the assertion in the form of a token request.

        Raises RefusedError if Entra ID would not accept it.
        """
        if "client_secret" in form:
            raise refused(7000215, client=daemon.client_id)
        assertion = form.get("client_assertion", "")
        if not assertion or form.get("client_assertion_type") != ASSERTION_TYPE:
            raise refused(7000218)
        certificate = load_pem_x509_certificate(credential_of(daemon, self._folder).read_bytes())
        try:
            header = jwt.get_unverified_header(assertion)
            if not is_named(certificate, header):
                raise refused(700027, client=daemon.client_id)
            claims = jwt.decode(
                assertion,
                certificate.public_key(),  # type: ignore[arg-type]  # prepare_credentials made it: RSA
                ["PS256", "RS256"],
                options=UNCHECKED,
            )
            expires_at, not_before = int(claims["exp"]), int(claims.get("nbf", 0))
        except jwt.InvalidSignatureError:
            raise refused(700027, client=daemon.client_id) from None
        except (jwt.InvalidTokenError, TypeError, ValueError):
            raise refused(50027) from None
        if claims["aud"] not in audiences:
            raise refused(700023)
        if claims["iss"] != daemon.client_id or claims["sub"] != daemon.client_id:
            raise refused(700021)
        if not not_before - LEEWAY <= self._clock() < expires_at:
            raise refused(700024)
        if claims["jti"] in self._used:
            raise refused("replayed")
        self._used.add(claims["jti"])
