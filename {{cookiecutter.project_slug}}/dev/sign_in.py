"""The account picker: the stand-in's sign-in, without a password."""

import secrets
from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template

from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse

from dev.directory import Client, Person

PAGE = Template(Path(__file__).with_name("sign_in.html").read_text(encoding="utf-8"))
TENANT = Template("<h2>$name</h2>\n<ul>\n$accounts\n</ul>")
ACCOUNT = Template(
    '<li><button name="login_hint" value="$username">'
    '<span class="initial" aria-hidden="true">$initial</span>'
    "<span><strong>$name</strong> $badges<br>$username<br><small>$note</small></span>"
    "</button></li>"
)
FORM_POST = Template(
    '<!doctype html>\n<html lang="en"><title>Signing in</title>\n'
    '<form method="post" action="$address">\n$fields\n<button>Continue</button>\n</form>\n'
    '<script nonce="$nonce">document.forms[0].submit()</script>\n</html>\n'
)
BADGE = Template('<span class="badge">$text</span>')
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def sign_in_page(
    query: QueryParams, people: Sequence[Person], client: Client, error: str = ""
) -> HTMLResponse:
    """Return the account picker for this query. Picking repeats the request with a `login_hint`."""
    asked = [
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in query.multi_items()
        # The person who is picked is the answer to both.
        if name not in {"login_hint", "prompt"}
    ]
    tenants = [
        TENANT.substitute(name=escape(name), accounts="\n".join(map(_account, members)))
        for name, members in groupby(people, lambda person: person.tenant.name)
    ]
    page = PAGE.substitute(
        client=escape(client.name),
        error=f'<p class="error" role="alert">{escape(error)}</p>' if error else "",
        asked="\n".join(asked),
        tenants="\n".join(tenants),
    )
    return HTMLResponse(
        page,
        headers={
            "Cache-Control": "no-store",
            "Content-Security-Policy": POLICY,
            # Entra ID sends it for newer registrations; it separates the page from its opener.
            "Cross-Origin-Opener-Policy": "same-origin",
        },
    )


def form_post(address: str, response: Mapping[str, str]) -> HTMLResponse:
    """Return a page that posts the response to an address (OAuth 2.0 Form Post Response Mode)."""
    nonce = secrets.token_urlsafe(16)
    fields = [
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in response.items()
    ]
    page = FORM_POST.substitute(address=escape(address), fields="\n".join(fields), nonce=nonce)
    policy = f"default-src 'none'; script-src 'nonce-{nonce}'; base-uri 'none'"
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": policy}
    return HTMLResponse(page, headers=headers)


def _account(person: Person) -> str:
    return ACCOUNT.substitute(
        username=escape(person.username),
        initial=escape(person.name[0].upper()),
        name=escape(person.name.capitalize()),
        badges=" ".join(BADGE.substitute(text=escape(badge)) for badge in person.badges),
        note=escape(person.note),
    )
