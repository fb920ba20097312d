{% if cookiecutter.app_roles %}
"""The permissions of the API: its scope and its app roles.

This is the one place that lists them. The service, the local stand-in for Entra ID, the docs page
and `register.py` read it; it imports only the standard library because `register.py` runs without
the project's dependencies.
"""
{% else %}
"""The permissions of the API: its scope.

This is the one place that lists it. The service, the local stand-in for Entra ID, the docs page and
`register.py` read it; it imports only the standard library because `register.py` runs without the
project's dependencies.
"""
{% endif %}

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """A delegated permission: what a client may do for the person who is signed in.

    Entra ID shows the texts when it asks an administrator, or the person, for consent.
    """

    value: str
    admin_consent_display_name: str
    admin_consent_description: str
    user_consent_display_name: str
    user_consent_description: str


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
{% if cookiecutter.app_roles %}


@dataclass(frozen=True)
class AppRole:
    """What a person may do; an administrator of the tenant assigns it."""

    value: str
    description: str


ADMIN = AppRole("Admin", "Reads, changes and deletes the data of everyone in the organization.")
USER = AppRole("User", "Has data of their own.")
APP_ROLES = (ADMIN, USER)
{% endif %}
