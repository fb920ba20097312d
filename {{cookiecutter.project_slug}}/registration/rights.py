"""What each step requires, printed when Microsoft Graph denies it."""

from registration.tenancy import tenancy

MAY_REGISTER = (
    "Registering an application requires the permission Application.ReadWrite.All. If the tenant does "
    "not let every user register applications, sign in as an Application Developer or a Cloud "
    "Application Administrator."
)
MAY_INSTALL = (
    "Creating a service principal requires the permission Application.ReadWrite.All. Sign in as "
    f"{tenancy.INSTALLERS}."
)
MAY_ASSIGN = (
    "Assigning users requires the permission AppRoleAssignment.ReadWrite.All. Sign in as a Cloud "
    "Application Administrator."
)
MAY_GRANT = (
    "Granting an application permission requires the permission AppRoleAssignment.ReadWrite.All. Sign "
    "in as a Cloud Application Administrator."
)
MAY_CONSENT = (
    "Consent for every user requires the permission DelegatedPermissionGrant.ReadWrite.All. Sign in as "
    "a Cloud Application Administrator, or leave out --admin-consent."
)
