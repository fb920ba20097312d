"""Write the ids to `.env`."""

import os

from registration.clouds import CUSTOMERS, PUBLIC
from registration.env import ENV_FILE, authority_in, env_text, env_values, env_with, replace
from registration.errors import ENV_FAULT, RegisterError
from registration.run import Run
from registration.tenancy import tenancy

READABLE_BY_OTHERS = 0o077


def configure(run: Run) -> None:
    """Write the ids to `.env`, and keep everything else in it."""
    found = env_values()
    values = {
        tenancy.SETTING: tenancy.setting_with(run.tenant["id"], found.get(tenancy.SETTING, "")),
        "API_CLIENT_ID": run.api["appId"],
        "SWAGGER_UI_CLIENT_ID": run.docs["appId"],
    }
    customers = authority_in(found, run.login).endswith(CUSTOMERS)
    if run.login != PUBLIC.login or ("ENTRA_AUTHORITY" in found and not customers):
        values["ENTRA_AUTHORITY"] = run.login
    save(run, values)


def save(run: Run, values: dict[str, str]) -> None:
    """Write these values to `.env`, readable only by its owner; without `run.write`, only show them."""
    found = env_values()
    changed = {key: value for key, value in values.items() if found.get(key, "") != value}
    lines = []
    for key, value in changed.items():
        old = found.get(key)
        lines.append(f"~ {key}: {old} -> {value or 'empty'}" if old else f"+ {key}: {value}")
    if shared():
        lines.append("~ mode: readable only by its owner")
    if run.write and lines:
        try:
            replace(ENV_FILE.resolve(), env_with(env_text(), changed))
        except OSError as error:
            wanted = "\n".join(f"  {key}={value}" for key, value in values.items())
            raise RegisterError(
                f"Everything else is done, but .env cannot be written ({error.strerror}). "
                f"Set these values in it yourself:\n{wanted}",
                ENV_FAULT,
            ) from None
    run.say(".env", "written", lines)


def shared() -> bool:
    """Whether users other than its owner can read `.env`; always false on Windows."""
    return (
        os.name == "posix"
        and ENV_FILE.exists()
        and bool(ENV_FILE.stat().st_mode & READABLE_BY_OTHERS)
    )
