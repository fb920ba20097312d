"""Runs the service with local sign-in; `token` prints a token, `openapi` the OpenAPI document."""

import argparse
import errno
import os
import re
import shlex
import shutil
import socket
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

import uvicorn
from uvicorn.supervisors import ChangeReload

{% if cookiecutter.mcp %}
from dev.agents import VS_CODE, tools_at
{% endif %}
from dev.assertions import prepare_credentials
from dev.certificate import AUTHORITY, CERTIFICATE, KEY, prepare_certificate
from dev.directory import COMMAND, DAEMONS, PEOPLE, Client, docs_page, front_end
from dev.entra import SCOPE, StandIn
{% if cookiecutter.storage == "database" %}
from dev.migrate import migrate_local_database
{% endif %}
from dev.openapi import openapi_text
from dev.service import ENTRA_ADDRESS, FRONT_ENDS, {{ "PUBLIC_URL, " if cookiecutter.mcp }}local_settings
from dev.token import fetch_token

PORT, DEFAULT_ENTRA_PORT = 8000, 8400
FRONT_END = re.compile(r"(?:http://localhost|https://[a-z0-9.-]+)(?::\d+)?(?:/[^?#\s]*)?")
"""A redirect URI that Entra ID accepts for a single-page application."""


def main() -> None:
    """Run the command."""
    arguments = _parser().parse_args()
    if arguments.command == "token":
        print(fetch_token(arguments.person, arguments.entra_port))
    elif arguments.command == "openapi":
        write_openapi(arguments.output)
    elif arguments.port == arguments.entra_port:
        sys.exit("The service and the stand-in cannot share a port. Choose another --port.")
    else:
        run(arguments)


def run(options: argparse.Namespace) -> None:
    """Run the stand-in and the service until Ctrl-C."""
    port, entra_port, reload = options.port, options.entra_port, not options.no_reload
    entra_sockets = listen(entra_port, "--entra-port")
    service_sockets = listen(port, "--port")
    entra_address = f"{'https' if options.https else 'http'}://localhost:{entra_port}"
    if options.https:
        prepare_certificate()
    prepare_credentials()
{% if cookiecutter.storage == "database" %}
    migrate_local_database()
{% endif %}
    clients = [docs_page(port), COMMAND, *options.front_ends]
{% if cookiecutter.mcp %}
    service = f"http://localhost:{port}"
    os.environ[PUBLIC_URL] = service
    clients.append(VS_CODE)
    stand_in = StandIn(entra_address, clients, identifier_uris=[tools_at(service)])
{% elif not cookiecutter.mcp %}
    stand_in = StandIn(entra_address, clients)
{% endif %}
    config = uvicorn.Config(
        stand_in.app,
        log_config=None,
        access_log=False,
        ssl_certfile=CERTIFICATE if options.https else None,
        ssl_keyfile=KEY if options.https else None,
    )
    entra = uvicorn.Server(config)
    Thread(target=entra.run, args=(entra_sockets,), daemon=True).start()

    os.environ[ENTRA_ADDRESS] = entra_address
    os.environ[FRONT_ENDS] = ",".join(
        origin for page in options.front_ends for origin in page.origins
    )
    config = uvicorn.Config(
        "dev.service:create",
        factory=True,
        reload=reload,
        reload_dirs=["app"] if reload else None,
        # The service configures the log itself.
        log_config=None,
    )
    server = uvicorn.Server(config)
    print(_greeting(options, entra_address), flush=True)
    if reload:
        ChangeReload(config, target=server.run, sockets=service_sockets).run()
    else:
        # uvicorn raises it again after the service has shut down.
        with suppress(KeyboardInterrupt):
            server.run(service_sockets)


def write_openapi(file: Path | None) -> None:
    """Write the OpenAPI document to a file, or print it."""
    text = openapi_text(f"http://localhost:{DEFAULT_ENTRA_PORT}")
    if file is None:
        print(text)
        return
    try:
        file.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    except OSError as error:
        sys.exit(f"{file} cannot be written ({error.strerror}). Choose another file with --output.")


def listen(port: int, option: str) -> list[socket.socket]:
    """Return sockets that are bound to this port of both loopback addresses.

    Ends the program with a message if the port cannot be used; `option` chooses another port.
    """
    sockets = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            sockets.append(_bound(family, address, port))
        except OSError as error:
            denied = isinstance(error, PermissionError)
            if denied and sys.platform != "win32":
                sys.exit(f"Port {port} requires privileges. Choose one above 1023 with {option}.")
            # Windows denies a port that another program uses.
            if denied or error.errno == errno.EADDRINUSE:
                sys.exit(f"Port {port} is taken. Choose another with {option}, such as {port + 1}.")
            if family == socket.AF_INET:
                raise
            # The machine has no IPv6.
    return sockets


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform == "win32":
        # Otherwise, Windows lets two programs share the port.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    bound.set_inheritable(True)
    return bound


def _greeting(options: argparse.Namespace, entra_address: str) -> str:
    people = "\n".join(
        f"    {person.name:7} {person.tenant.name:9} {person.note}" for person in PEOPLE
    )
    daemons = "\n".join(f"    {daemon.name:9} {daemon.note}" for daemon in DAEMONS)
    is_default = options.entra_port == DEFAULT_ENTRA_PORT
    port_option = "" if is_default else f" --entra-port {options.entra_port}"
    return (
        f"\nDocs page   http://localhost:{options.port}/docs   (select Authorize, pick a person)\n\n"
        f"Who can sign in, without a password:\n{people}\n\n"
        f"Daemons, whose tokens are app-only:\n{daemons}\n\n"
        f"{_about_clients(options, entra_address)}"
        f"A token for curl: {_python()} -m dev token --as bob{port_option}\nStop with Ctrl-C.\n"
    )


def _about_clients(options: argparse.Namespace, entra_address: str) -> str:
    """Return what a developer enters into their own clients, if they have any."""
    if not options.front_ends and not options.https:
        return ""
    lines = [f"{page.name}: client id {page.id}" for page in options.front_ends]
    lines.append(f"Authority   {local_settings(entra_address).sign_in_address}")
    lines.append(f"Scope       {SCOPE}")
    if options.https and AUTHORITY.exists():
        lines += [
            f"Trust       {AUTHORITY}",
            f"    Browser: open {entra_address} once, and accept the certificate.",
            f"    Node: set NODE_EXTRA_CA_CERTS={AUTHORITY}",
            f"    Python (requests): set REQUESTS_CA_BUNDLE={AUTHORITY}",
        ]
    return "\n".join([*lines, "", ""])


def _python() -> str:
    """Return the command that runs a Python module of this project from the user's current folder."""
    uv = "uv" if shutil.which("uv") else os.environ.get("UV")
    if uv is None:
        return shlex.quote(sys.executable)
    # `uv run --directory` changes the current folder, but PWD is still that of the shell.
    shell, project = Path(os.environ.get("PWD", "")), Path.cwd()
    if not shell.is_absolute() or not shell.is_dir() or shell.samefile(project):
        return f"{shlex.quote(uv)} run python"
    way = os.path.relpath(project, shell)
    return f"{shlex.quote(uv)} run --directory {shlex.quote(way)} python"


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) not in range(1, 65536):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port: expected a number from 1 to 65535"
        )
    return int(text)


def _front_end(text: str) -> Client:
    if not FRONT_END.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot be the redirect URI of a page: expected http://localhost or https://, "
            "without a query or a fragment, such as http://localhost:5173"
        )
    return front_end(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m dev",
        description="Run the service on this machine, with a local stand-in for Entra ID.",
    )
    parser.set_defaults(command="run")
    _add_port(parser, "--port", PORT, "port of the service")
    _add_port(parser, "--entra-port", DEFAULT_ENTRA_PORT, "port of the stand-in")
    parser.add_argument(
        "--front-end",
        dest="front_ends",
        type=_front_end,
        action="append",
        default=[],
        metavar="URL",
        help="let a page of your own at this address sign in and call the API; may be repeated",
    )
    parser.add_argument("--https", action="store_true", help="serve the stand-in over TLS")
    parser.add_argument(
        "--no-reload", action="store_true", help="do not restart when a file changes"
    )
    commands = parser.add_subparsers(title="commands")
    token = commands.add_parser(
        "token", help="print an access token", description="Print an access token, for curl."
    )
    token.set_defaults(command="token")
    names = [caller.name for caller in (*PEOPLE, *DAEMONS)]
    token.add_argument(
        "--as",
        dest="person",
        required=True,
        choices=names,
        help="person or daemon to get the token for",
    )
    _add_port(token, "--entra-port", argparse.SUPPRESS, "port of the stand-in")
    openapi = commands.add_parser(
        "openapi",
        help="print the OpenAPI document",
        description="Print the OpenAPI document, with the addresses of the local stand-in.",
    )
    openapi.set_defaults(command="openapi")
    openapi.add_argument("--output", type=Path, metavar="FILE", help="write it to this file")
    return parser


def _add_port(parser: argparse.ArgumentParser, option: str, default: int | str, text: str) -> None:
    shown = DEFAULT_ENTRA_PORT if default == argparse.SUPPRESS else default
    parser.add_argument(
        option, type=_port, default=default, metavar="PORT", help=f"{text} (default: {shown})"
    )


if __name__ == "__main__":
    main()
