"""What a wrong property leads to, in the doctor's words."""

from registration.tenancy import tenancy

ADVICE = {
    "api.requestedAccessTokenVersion": "access tokens come as v1.0 and their audience is invalid",
    "api.oauth2PermissionScopes": "sign-in fails with AADSTS650053 or AADSTS70011",
    "api.preAuthorizedApplications": "users are asked for consent, or get AADSTS65001",
    "identifierUris": "sign-in fails with AADSTS500011",
    "spa.redirectUris": "sign-in fails with AADSTS50011",
    "web.redirectUris": "of the type Web, sign-in fails with AADSTS9002326 or AADSTS7000218",
    "publicClient.redirectUris": "`register.py token` fails with AADSTS50011",
    "requiredResourceAccess": "consent does not include the API",
    "optionalClaims": "guests are told apart less surely",
    "appRoles": "users cannot be assigned to it, and are answered 403",
    "appRoleAssignmentRequired": "everybody in the tenant can get a token, assigned or not",
    "signInAudience": "the wrong accounts can sign in",
} | tenancy.ADVICE
