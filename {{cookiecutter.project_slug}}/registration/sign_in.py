"""Sign in through azure-identity."""

import logging
import sys
from typing import Any

from registration.aliases import Json
from registration.errors import NOT_SIGNED_IN, RegisterError

UNREACHABLE = "{} cannot be reached. Check the network and any proxy.\n  {}"


def azure_sign_in(login: str, tenant: str | None, scopes: str, client_id: str = "") -> str:
    """Return an access token for scopes that are separated by spaces.

    With a client id, the user signs in to that client in the browser. Otherwise the token is for
    Microsoft Graph, from the Azure CLI, the Azure Developer CLI or, in a terminal, the browser or
    a device code. Raises RegisterError when nobody is signed in or the host cannot be reached.
    """
    # register.py declares azure-identity; the project's own environment usually lacks it.
    import azure.identity  # noqa: PLC0415
    from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError  # noqa: PLC0415

    logging.getLogger("azure").setLevel(logging.CRITICAL)
    tools: Json = {"tenant_id": tenant} if tenant else {}
    where: Json = {"authority": login} | tools
    credentials: list[Any] = []
    if client_id:
        credentials = [azure.identity.InteractiveBrowserCredential(client_id=client_id, **where)]
    else:
        credentials = [
            azure.identity.AzureCliCredential(**tools),
            azure.identity.AzureDeveloperCliCredential(**tools),
        ]
        if sys.stderr.isatty():
            credentials += [
                azure.identity.InteractiveBrowserCredential(**where),
                azure.identity.DeviceCodeCredential(prompt_callback=show_code, **where),
            ]
    reasons = []
    for credential in credentials:
        try:
            token: str = credential.get_token(*scopes.split()).token
            return token
        except azure.identity.CredentialUnavailableError as error:
            reasons.append(str(error.message).splitlines()[0])
        except ClientAuthenticationError as error:
            reasons.append(str(error.message).splitlines()[0])
            if isinstance(error.__cause__, ServiceRequestError):
                raise RegisterError(UNREACHABLE.format(login, reasons[-1])) from None
            break
        except ServiceRequestError as error:
            raise RegisterError(UNREACHABLE.format(login, error)) from None
    failed = (
        "The sign-in in the browser failed. Run this command again."
        if client_id
        else "You are not signed in. Run `az login`, then run this command again."
    )
    raise RegisterError(
        "\n  ".join([failed, *reasons]),
        NOT_SIGNED_IN,
    )


def show_code(address: str, code: str, _: object) -> None:
    """Print where to enter the device code."""
    print(f"Open {address} and enter the code {code}.", file=sys.stderr)
