"""Who is calling."""

from dataclasses import dataclass
from typing import NamedTuple
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
    """What the application may do for the person; empty for an application without a person."""
    guest: bool
    roles: frozenset[str]
    """The values of the app roles that the token names."""

    @property
    def person(self) -> Person:
        """The pair that identifies the caller, for the data that belongs to them."""
        return Person(self.tenant_id, self.object_id)

    def has_role(self, role: AppRole) -> bool:
        """Return whether the token names this app role."""
        return role.value in self.roles
