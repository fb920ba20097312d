"""The consequence of each property that differs, as `doctor` prints it."""

from registration.tenancy import tenancy

ADVICE = {
    "api.requestedAccessTokenVersion": "access tokens are v1.0, and their audience is invalid",
    "api.oauth2PermissionScopes": "sign-in fails with AADSTS650053 or AADSTS70011",
    "api.preAuthorizedApplications": "users are asked for consent, or get AADSTS65001",
    "identifierUris": "sign-in fails with AADSTS500011",
    "spa.redirectUris": "sign-in fails with AADSTS50011",
    "web.redirectUris": "with the type Web, sign-in fails with AADSTS9002326 or AADSTS7000218",
    "publicClient.redirectUris": "`register.py token` fails with AADSTS50011",
    "requiredResourceAccess": "consent does not include the API",
    "optionalClaims": "without idtyp, daemons get 403; without acct, guests are recognised less reliably",
    "appRoles": "users or daemons cannot be assigned to it and get 403",
    "appRoleAssignmentRequired": "everyone in the tenant can get a token, assigned or not",
    "signInAudience": "the wrong accounts can sign in",
} | tenancy.ADVICE
