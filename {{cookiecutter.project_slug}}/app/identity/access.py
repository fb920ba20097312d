"""The types that serve as the access rule of a route."""

from typing import Annotated

from fastapi import Security
from fastapi.openapi.models import SecurityBase as SecurityModel
from fastapi.openapi.models import SecuritySchemeType
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from app.identity.caller import Caller
from app.identity.entra import SCHEME_NAME, EntraScheme
from app.permissions import {{ "ADMIN, USER, AppRole" if cookiecutter.app_roles else "AppRole" }}


class RequireCaller(SecurityBase):
    """The dependency that signs a request in and returns its `Caller`.

    With `Security(RequireCaller(), scopes=[...])` a route also requires these scopes.
    """

    scheme_name = SCHEME_NAME
    # Addresses and scopes depend on the settings; `app.public.docs` fills them in.
    model = SecurityModel(type=SecuritySchemeType.oauth2)

    def __init__(self, *roles: AppRole) -> None:
        """Require one of these app roles; without any, every signed-in person may call."""
        self.roles = frozenset(role.value for role in roles)

    async def __call__(self, connection: HTTPConnection, scopes: SecurityScopes) -> Caller:
        """Return the caller of this request, or raise the exception for a 401, 403 or 503."""
        scheme = entra_scheme(connection)
        caller = await scheme(connection, scopes)
        if self.roles and self.roles.isdisjoint(caller.roles):
            wanted = " or ".join(sorted(self.roles))
            raise scheme.forbidden(
                f"This operation requires the {wanted} app role.",
                f"the token's roles are {sorted(caller.roles)}; assign one in the enterprise "
                "application of the API",
            )
        return caller


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
"""A route with a parameter of this type serves callers with the app role User or Admin."""

require_admin = RequireCaller(ADMIN)
Admin = Annotated[Caller, Security(require_admin)]
"""A route with a parameter of this type serves callers with the app role Admin."""
{% endif %}
