"""The types that serve as the access rule of a route."""

from typing import Annotated

from fastapi import Security
from fastapi.openapi.models import SecurityBase as SecurityModel
from fastapi.openapi.models import SecuritySchemeType
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from app.identity.caller import Caller, Daemon
from app.identity.entra import SCHEME_NAME, EntraScheme
from app.permissions import {{ "ADMIN, USER, ApplicationPermission, AppRole" if cookiecutter.app_roles else "ApplicationPermission, AppRole" }}


class AccessRule(SecurityBase):
    """A dependency that decides who may call a route."""

    scheme_name = SCHEME_NAME
    # Addresses and scopes depend on the settings; `app.public.docs` fills them in.
    model = SecurityModel(type=SecuritySchemeType.oauth2)


class RequireCaller(AccessRule):
    """The dependency that authenticates a person and returns the `Caller`.

    With `Security(RequireCaller(), scopes=[...])` a route also requires these scopes.
    """

    def __init__(self, *roles: AppRole) -> None:
        """Require one of these app roles; without any, every signed-in user may call."""
        self.roles = frozenset(role.value for role in roles)

    async def __call__(self, connection: HTTPConnection, scopes: SecurityScopes) -> Caller:
        """Return the caller of this request, or raise the exception for a 401, 403 or 503."""
        scheme = entra_scheme(connection)
        return self.check(scheme, await scheme.authenticate(connection), scopes)

    def check(self, scheme: EntraScheme, caller: Caller | Daemon, scopes: SecurityScopes) -> Caller:
        """Return the caller as a person who may call; raise ForbiddenError for any other."""
        person = scheme.check_person(caller, scopes)
        if self.roles and self.roles.isdisjoint(person.roles):
            wanted = " or ".join(sorted(self.roles))
            raise scheme.forbidden(
                "role",
                f"This operation requires the {wanted} app role.",
                f"the token's roles are {sorted(person.roles)}; assign one in the enterprise "
                "application of the API",
            )
        return person


class RequireDaemon(AccessRule):
    """The dependency that authenticates a daemon and returns the `Daemon`."""

    def __init__(self, permission: ApplicationPermission) -> None:
        """Require this application permission."""
        self.permission = permission

    async def __call__(self, connection: HTTPConnection) -> Daemon:
        """Return the daemon of this request, or raise the exception for a 401, 403 or 503."""
        scheme = entra_scheme(connection)
        return scheme.check_daemon(await scheme.authenticate(connection), self.permission)


class RequireCallerOrDaemon(AccessRule):
    """Authenticates people like `RequireCaller`, and daemons like `RequireDaemon`."""

    def __init__(self, permission: ApplicationPermission, *roles: AppRole) -> None:
        """Require this permission of daemons, and one of these app roles, if any, of people."""
        self.permission = permission
        self.people = RequireCaller(*roles)

    async def __call__(self, connection: HTTPConnection, scopes: SecurityScopes) -> Caller | Daemon:
        """Return who calls, or raise the exception for a 401, 403 or 503."""
        scheme = entra_scheme(connection)
        caller = await scheme.authenticate(connection)
        if isinstance(caller, Daemon):
            return scheme.check_daemon(caller, self.permission)
        return self.people.check(scheme, caller, scopes)


def entra_scheme(connection: HTTPConnection) -> EntraScheme:
    """Return the scheme of the service; applications that are mounted in it share it."""
    scheme: EntraScheme = connection.state.entra
    return scheme


require_caller = RequireCaller()
SignedIn = Annotated[Caller, Security(require_caller)]
"""A route with a parameter of this type serves any signed-in user."""
{% if cookiecutter.app_roles %}

require_user = RequireCaller(USER, ADMIN)
User = Annotated[Caller, Security(require_user)]
"""A route with a parameter of this type serves people with the app role User or Admin."""

require_admin = RequireCaller(ADMIN)
Admin = Annotated[Caller, Security(require_admin)]
"""A route with a parameter of this type serves people with the app role Admin."""
{% endif %}
