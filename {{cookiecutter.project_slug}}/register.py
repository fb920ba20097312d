# /// script
# requires-python = ">=3.11"
# dependencies = ["azure-identity>=1.25", "httpx2>=2.16", "python-dotenv>=1.2"]
# ///
"""Register this service in your Microsoft Entra ID tenant, through Microsoft Graph v1.0.

Sign in with `az login` (or `azd auth login`, or in the browser when asked), then:

  uv run register.py plan       shows what apply would do; changes nothing
  uv run register.py apply      creates or updates the registrations, and writes .env
  uv run register.py doctor     finds problems and says how to repair them; `doctor AADSTS50011`
                                explains an error; checks an access token that you pipe in
{% if cookiecutter.app_roles %}
  uv run register.py assign     assigns an app role to a user: assign USER ROLE
{% endif %}
  uv run register.py client     registers a front end (--spa URL), a program without a user
                                (--daemon) or a managed identity (--managed-identity ID)
  uv run register.py token      prints an access token for curl, after you sign in in the browser
  uv run register.py destroy    removes what apply and client created, after asking

Before you run it, read registration/wanted.py: it defines what is created in the tenant, and
registration/steps.py lists the steps.

Exit status: 0 done; 1 doctor found a problem, or you did not confirm destroy; 2 wrong usage, or something is missing; 3 not
signed in; 4 not permitted; 5 Microsoft Graph or the network failed; 6 the name belongs to a registration
that this script did not create, or to a deleted one; 7 .env cannot be read or written; 130 interrupted.
"""

import sys

from registration.cli import main

if __name__ == "__main__":
    sys.exit(main(__doc__))
