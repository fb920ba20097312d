"""The command line."""

import argparse
import io
import sys
import time
from collections.abc import Callable

import httpx2

from registration.aliases import SignIn
from registration.arguments import daemon_name, object_id, page, redirect_uri, tenant_id
from registration.clients import client
from registration.clouds import CLOUDS
from registration.commands import apply, assign, destroy, plan, token
from registration.doctor import doctor
from registration.errors import RegisterError
from registration.run import Run
from registration.sign_in import azure_sign_in
from registration.wanted import ROLE_VALUES

INTERRUPTED = 130


def main(
    usage: str | None,
    argv: list[str] | None = None,
    *,
    http: httpx2.Client | None = None,
    sign_in: SignIn = azure_sign_in,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Run a command; return its exit status. Tests pass their own network, sign-in and clock."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # A console that lacks a character must not stop a command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = parser(usage or "").parse_args(argv)
    login = CLOUDS[options.cloud].login
    run = Run(options, http or httpx2.Client(timeout=30), sign_in, sleep, login)
    try:
        return int(options.command(run))
    except RegisterError as error:
        print(f"register.py: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print(
            "\nInterrupted. Changes listed above are kept. It is safe to run this command again.",
            file=sys.stderr,
        )
        return INTERRUPTED


def parser(usage: str) -> argparse.ArgumentParser:
    """Return the parser of the command line; `usage` is the text of its help."""
    description, _, epilog = usage.partition("\n\n")
    layout = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser("register.py", None, description, epilog, formatter_class=layout)
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--cloud", choices=CLOUDS, default="public", help="default: public")
    where.add_argument(
        "--tenant",
        metavar="ID",
        type=tenant_id,
        help="tenant to use, if you can sign in to several",
    )
    what = argparse.ArgumentParser(add_help=False)
    what.add_argument(
        "--redirect-uri",
        metavar="URI",
        action="append",
        default=[],
        type=redirect_uri,
        help="further redirect URI of the docs page, such as https://www.example.com/oauth2-redirect; may be repeated",
    )
    how = argparse.ArgumentParser(add_help=False)
    how.add_argument("--admin-consent", action="store_true", help="consent on behalf of every user")
    how.add_argument("--adopt", action="store_true", help="take over existing registrations")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(
        run: Callable[[Run], int], *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(run.__name__, parents=[where, *parents], help=run.__doc__)
        made.set_defaults(command=run)
        return made

    command(plan, what, how)
    command(apply, what, how)
    command(doctor, what).add_argument(
        "error", nargs="?", help="error to explain, such as AADSTS50011"
    )
    if ROLE_VALUES:
        assigning = command(assign)
        assigning.add_argument("user", help="username or object id")
        assigning.add_argument("role", choices=ROLE_VALUES)
    clients = command(client)
    kind = clients.add_mutually_exclusive_group(required=True)
    kind.add_argument("--spa", metavar="URL", type=page, help="the front end at this address")
    kind.add_argument(
        "--daemon",
        metavar="NAME",
        nargs="?",
        const="nightly",
        type=daemon_name,
        help="a program that runs without a user; default: nightly",
    )
    kind.add_argument(
        "--managed-identity",
        metavar="ID",
        type=object_id,
        help="object id or client id of a managed identity of this tenant",
    )
    clients.add_argument(
        "--federated",
        nargs=2,
        metavar=("ISSUER", "SUBJECT"),
        help="with --daemon: accept its tokens from GitHub Actions, Kubernetes or another issuer",
    )
    command(token)
    command(destroy)
    return top
