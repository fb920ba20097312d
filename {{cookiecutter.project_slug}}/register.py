# /// script
# requires-python = ">=3.11"
# dependencies = ["azure-identity>=1.25", "httpx2>=2.16", "python-dotenv>=1.2"]
# ///
"""Registers this service in your tenant of Microsoft Entra ID, through Microsoft Graph v1.0.

Sign in by `az login` (or `azd auth login`, or in the browser when asked), then:

  uv run register.py plan       shows what exists and what apply would do; changes nothing
  uv run register.py apply      creates or updates; a second time it changes nothing
  uv run register.py doctor     says what is wrong and how to repair it; `doctor AADSTS50011` explains
                                an error, and an access token may be piped in
{% if cookiecutter.app_roles %}
  uv run register.py assign     gives a user an app role: assign USER ROLE
{% endif %}
  uv run register.py token      prints an access token for curl, signed in by the browser
  uv run register.py destroy    removes what apply created, after asking

Before you run it, read registration/wanted.py, which says what is wanted in the tenant. The steps are
in registration/steps.py.

Exit status: 0 done; 1 the doctor found something, or you did not agree to destroy; 2 wrong usage;
3 not signed in; 4 not permitted; 5 Microsoft Graph or the network failed; 6 something is there that
this script did not make; 7 .env cannot be read or written; 130 interrupted.
"""

import sys

from registration.cli import main

if __name__ == "__main__":
    sys.exit(main(__doc__))
