"""What a step requires: said when Microsoft Graph answers that the caller may not."""

from registration.tenancy import tenancy

MAY_REGISTER = (
    "Registering requires Application.ReadWrite.All and, where the tenant does not let every user "
    "register applications, an Application Developer or Cloud Application Administrator."
)
MAY_INSTALL = f"A service principal requires Application.ReadWrite.All and {tenancy.INSTALLERS}."
MAY_ASSIGN = (
    "Assigning requires AppRoleAssignment.ReadWrite.All and a Cloud Application Administrator."
)
MAY_CONSENT = (
    "Consent for everybody requires DelegatedPermissionGrant.ReadWrite.All and a Cloud Application "
    "Administrator. Leave out --admin-consent to go on without it."
)
