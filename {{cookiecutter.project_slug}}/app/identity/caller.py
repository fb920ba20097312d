"""Who is calling, and the types with which a route says who may call it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from fastapi import Security
from fastapi.openapi.models import SecurityBase as SecurityModel
from fastapi.openapi.models import SecuritySchemeType
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from app.settings import SCOPE

if TYPE_CHECKING:
    from app.identity.entra import EntraSignIn


@dataclass(frozen=True, slots=True)
class Caller:
    """The person that a verified access token stands for.

    A person is the pair of `tenant_id` and `object_id`. The name and the username are for
    display: they can change, be missing, or belong to somebody else tomorrow.
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
{% if cookiecutter.app_roles %}
    roles: frozenset[str]

    @property
    def is_admin(self) -> bool:
        """Whether the caller has the app role Admin."""
        return ADMIN in self.roles
{% endif %}


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What is kept of an access token whose signature and claims were found good."""

    caller: Caller
    not_before: float
    expires_at: float
    """Both in seconds since 1970, from `nbf`, `iat` and `exp`."""


class SignIn(SecurityBase):
    """The dependency that signs a request in, by the sign-in of its application."""

    scheme_name = "EntraID"
    # Addresses and scope depend on the settings; `app.docs` fills them in.
    model = SecurityModel(type=SecuritySchemeType.oauth2)

{% if cookiecutter.app_roles %}
    def __init__(self, *roles: str) -> None:
        """Let only callers with one of these app roles through; without any, everybody."""
        self.roles = frozenset(roles)

    async def __call__(self, connection: HTTPConnection, scopes: SecurityScopes) -> Caller:
        """Return the caller of this request, or raise the exception for a 401, 403 or 503."""
        sign_in = sign_in_of(connection)
        caller = await sign_in(connection, scopes)
        if self.roles and self.roles.isdisjoint(caller.roles):
            wanted = " or ".join(sorted(self.roles))
            raise sign_in.forbidden(
                f"This takes the app role {wanted}.",
                f"the token's roles are {sorted(caller.roles)}; assign one in the enterprise "
                "application of the API",
            )
        return caller
{% else %}
    async def __call__(self, connection: HTTPConnection, scopes: SecurityScopes) -> Caller:
        """Return the caller of this request, or raise the exception for a 401, 403 or 503."""
        return await sign_in_of(connection)(connection, scopes)
{% endif %}


def sign_in_of(connection: HTTPConnection) -> "EntraSignIn":
    """Return the sign-in of the service; applications that are mounted in it share it."""
    sign_in: EntraSignIn = connection.state.sign_in
    return sign_in


SignedIn = Annotated[Caller, Security(SignIn(), scopes=[SCOPE])]
"""A route with a parameter of this type serves everyone who is signed in."""
{% if cookiecutter.app_roles %}

ADMIN = "Admin"
USER = "User"

User = Annotated[Caller, Security(SignIn(USER, ADMIN), scopes=[SCOPE])]
"""A route with a parameter of this type serves callers with the app role User or Admin."""

Admin = Annotated[Caller, Security(SignIn(ADMIN), scopes=[SCOPE])]
"""A route with a parameter of this type serves callers with the app role Admin."""
{% endif %}
