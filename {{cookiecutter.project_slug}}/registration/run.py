"""A run of a command."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx2

from registration.aliases import Json, SignIn
from registration.clouds import CLOUDS
from registration.errors import NOT_SIGNED_IN, UNCHANGED, RegisterError, failed
from registration.graph import Graph
from registration.responses import TENANT, USER


@dataclass
class Run:
    """The options of a run, its connections, and the state it has found so far."""

    options: argparse.Namespace
    http: httpx2.Client
    sign_in: SignIn
    sleep: Callable[[float], None]
    login: str
    graph: Graph = field(init=False)
    tenant: Json = field(init=False)
    me: Json = field(init=False)
    """The signed-in user; empty for a service principal."""
    write: bool = False
    api: Json = field(default_factory=dict)
    docs: Json = field(default_factory=dict)
    api_principal: Json = field(default_factory=dict)
    docs_principal: Json = field(default_factory=dict)
    client: Json = field(default_factory=dict)
    client_principal: Json = field(default_factory=dict)
    issuer: str = ""
    """The issuer in the discovery document; `{tenantid}` is any tenant."""
    pending: int = 0
    """How many steps have something to change."""

    def connect(self) -> None:
        """Sign in to Microsoft Graph, and print the tenant and the user.

        Raises RegisterError when the account has no tenant.
        """
        host = CLOUDS[self.options.cloud].graph
        token = self.sign_in(self.login, self.options.tenant, f"{host}/.default")
        self.graph = Graph(self.http, host, token, self.options.tenant, self.sleep)
        tenants = self.graph.every("/organization?$select=id,displayName", TENANT)
        self.tenant = next(tenants, {})
        if not self.tenant:
            raise RegisterError(
                "Microsoft Graph returned no tenant for this account. Run `az login --tenant ID` with "
                "the tenant to register in, then run this command again.",
                NOT_SIGNED_IN,
            )
        # Microsoft Graph answers /me for users only; a service principal needs no assignment.
        who = "/me?$select=id,userPrincipalName"
        self.me = self.graph.call("GET", who, USER, ignore="delegated authentication flow") or {}
        name = self.me.get("userPrincipalName", "a service principal")
        print(f"Tenant {self.tenant['displayName']} ({self.tenant['id']}), signed in as {name}")

    def carry_out(
        self, steps: Sequence[tuple[Callable[["Run"], None], str]], further: str = ""
    ) -> None:
        """Take these steps, each with the right that it requires, and write what differs.

        The error of a step says what was done, and then `further`.
        """
        self.write = True
        for step, right in steps:
            try:
                step(self)
            except RegisterError as error:
                done = "Changes listed above are kept." if self.graph.writes else UNCHANGED
                raise failed(error, right, f"{done} {further}".strip()) from None

    def say(self, title: str, done: str, lines: list[str]) -> None:
        """Print the changes of a step, or that it is up to date if there are none."""
        self.pending += bool(lines)
        would = "" if self.write else "would be "
        print(f"{title}: {would + done if lines else 'up to date'}")
        for line in lines:
            print(f"    {line}")
