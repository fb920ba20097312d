"""A certificate for `https://localhost`, because some clients accept nothing else."""

import os
import ssl
from pathlib import Path

import trustme

# `mkcert localhost` in this folder writes the first two, so its files can replace these.
CERTIFICATE = Path(__file__).with_name("localhost.pem")
KEY = Path(__file__).with_name("localhost-key.pem")
AUTHORITY = Path(__file__).with_name("localhost-ca.pem")
"""The certificate that clients have to trust."""


def prepare_certificate() -> None:
    """Create a certificate and its private key, unless they exist."""
    if CERTIFICATE.exists() and KEY.exists():
        return
    # The authority's key is not stored, so nobody can sign another certificate with it.
    authority = trustme.CA(organization_name="python -m dev")
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(AUTHORITY)
    KEY.touch(mode=0o600)
    issued.private_key_pem.write_to_path(KEY)
    issued.cert_chain_pems[0].write_to_path(CERTIFICATE)


def trusting_context() -> ssl.SSLContext:
    """Return the settings of a client that trusts the certificate of the stand-in and no other."""
    context = ssl.create_default_context(cafile=os.fspath(CERTIFICATE))
    # Trust the certificate itself, regardless of who signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
