"""Who is calling."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from app.permissions import AppRole


class Person(NamedTuple):
    """What identifies a person: the pair, never one of the two ids, a name or an email address."""

    tenant_id: UUID
    object_id: UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """The person that a verified access token stands for.

    The name and the username are for display only: they can change, be missing, or belong to
    somebody else tomorrow.
    """

    tenant_id: UUID
    object_id: UUID
    client_id: UUID | None
    """The application that the person uses (`azp`)."""
    name: str | None
    username: str | None
    scopes: frozenset[str]
    """What the application may do for the person; empty when no person is involved."""
    guest: bool
    roles: frozenset[str]
    """The values of the app roles that the token names."""

    @property
    def person(self) -> Person:
        """The pair that identifies the caller, to store what belongs to them under."""
        return Person(self.tenant_id, self.object_id)

    def has_role(self, role: AppRole) -> bool:
        """Return whether the token names this app role."""
        return role.value in self.roles
