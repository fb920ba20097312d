"""Who is calling: a person, or a daemon."""

from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from app.permissions import AppRole


class Person(NamedTuple):
    """Identifies a person: the pair, never one of the two ids, a name or an email address."""

    tenant_id: UUID
    object_id: UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """The person that a verified access token stands for.

    The name and the username are for display only: they can change, be absent, or belong to
    somebody else tomorrow.
    """

    tenant_id: UUID
    object_id: UUID
    client_id: UUID | None
    """The application that the person uses (`azp`)."""
    name: str | None
    username: str | None
    scopes: frozenset[str]
    """What the application may do for the person."""
    guest: bool
    roles: frozenset[str]
    """The values of the app roles that the token names."""
    agent: bool = False
    """Whether the application is an agent of Entra Agent ID."""
    blueprint_id: UUID | None = None
    """The blueprint of the agent."""

    @property
    def person(self) -> Person:
        """The pair that identifies the caller, for the data that belongs to them."""
        return Person(self.tenant_id, self.object_id)

    def has_role(self, role: AppRole) -> bool:
        """Return whether the token names this app role."""
        return role.value in self.roles

    @property
    def log_fields(self) -> dict[str, Any]:
        """What the request's log line says about the caller."""
        return _log_fields(self)


@dataclass(frozen=True, slots=True)
class Daemon:
    """An application that calls on its own behalf, without a person: its token is app-only."""

    tenant_id: UUID
    object_id: UUID
    """The object id of its service principal (enterprise application)."""
    client_id: UUID | None
    permissions: frozenset[str]
    """The values of the application permissions that the token names."""
    agent: bool = False
    """Whether it is an agent of Entra Agent ID."""
    blueprint_id: UUID | None = None
    """The blueprint of the agent."""

    @property
    def log_fields(self) -> dict[str, Any]:
        """What the request's log line says about the daemon."""
        return _log_fields(self) | {"daemon": True}


def _log_fields(caller: Caller | Daemon) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "tenant_id": caller.tenant_id,
        "object_id": caller.object_id,
        "client_id": caller.client_id,
    }
    if caller.agent:
        fields |= {"agent": True, "blueprint_id": caller.blueprint_id}
    return fields
