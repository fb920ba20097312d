"""The permissions that the API offers.

Add a permission here only: the service, the local stand-in for Entra ID, the docs page and
`register.py` read this file. It imports the standard library only, because `register.py` runs
without the project's dependencies.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """A delegated permission: what an application may do for the person who is signed in.

    Entra ID shows the texts when it asks an administrator, or the person, for consent.
    """

    value: str
    admin_consent_display_name: str
    admin_consent_description: str
    user_consent_display_name: str
    user_consent_description: str


@dataclass(frozen=True)
class AppRole:
    """What a person may do; an administrator of the tenant assigns it."""

    value: str
    description: str


@dataclass(frozen=True)
class ApplicationPermission:
    """What a daemon may do without a person; an administrator of the tenant grants it."""

    value: str
    description: str


ACCESS_AS_USER = Scope(
    "access_as_user",
    admin_consent_display_name="Use the service as the signed-in user",
    admin_consent_description="Lets the application call the service on behalf of the signed-in "
    "user, with no more rights than that user has.",
    user_consent_display_name="Use the service as you",
    user_consent_description="Lets the application call the service on your behalf, with no more "
    "rights than you have.",
)
SCOPES = (ACCESS_AS_USER,)

TODOS_READ_ALL = ApplicationPermission("Todos.Read.All", "Reads the todos of everyone.")
APPLICATION_PERMISSIONS = [
    TODOS_READ_ALL,
]

{% if cookiecutter.app_roles %}
ADMIN = AppRole("Admin", "Reads, changes and deletes the data of everyone in the organisation.")
USER = AppRole("User", "Has data of their own.")
APP_ROLES: tuple[AppRole, ...] = (ADMIN, USER)
{% elif not cookiecutter.app_roles %}
APP_ROLES: tuple[AppRole, ...] = ()
{% endif %}
