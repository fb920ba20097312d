"""The tests of a rendered project fail if one of its security checks is removed."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import VARIANTS, Project, clean_environment, each_variant, render
from tests.running import python_of

pytestmark = pytest.mark.slow

CLAIMS, ENTRA = "app/identity/claims.py", "app/identity/entra.py"
KEYS, CACHE = "app/identity/keys.py", "app/identity/cache.py"
ACCESS, ROUTES = "app/identity/access.py", "app/todos/routes.py"
TESTS = {
    CLAIMS: ["tokens", "tenant", "daemons"],
    ENTRA: ["tokens", "cache", "daemons"],
    KEYS: ["keys"],
    CACHE: ["cache"],
    ACCESS: ["access"],
    ROUTES: ["access"],
}
"""The tests that must fail, by the file that is changed."""


@dataclass(frozen=True)
class Mutation:
    """A security check and how to remove it: a file, and what to replace in it."""

    file: str
    changes: dict[str, str]
    answers: dict[str, object] | None = None
    """The answers of the variants that contain the check; without them, all do."""

    def applies_to(self, answers: dict[str, object]) -> bool:
        """Return whether the variant with these answers contains the check."""
        return (self.answers or {}).items() <= answers.items()


OUT = "if False:"
MUTATIONS = {
    "the signature": Mutation(
        ENTRA, {"if not jws.validate_compact(token, key.key, registry=RS256):": OUT}
    ),
    "the algorithm": Mutation(
        ENTRA, {'algorithms=["RS256"]': 'algorithms=["RS256", "RS512", "PS256"]'}
    ),
    "the audience": Mutation(CLAIMS, {'if _guid(claims["aud"]) != settings.api_client_id:': OUT}),
    "that there is one audience": Mutation(
        CLAIMS,
        {
            '_guid(claims["aud"]) != settings.api_client_id': 'str(settings.api_client_id) not in claims["aud"]'
        },
    ),
    "the expiry": Mutation(CLAIMS, {"if now >= token.expires_at + LEEWAY:": OUT}),
    "the expiry of a token in the cache": Mutation(
        ENTRA,
        {
            '        check_lifetime(verified, self._clock())\n        request.scope["caller"]': '        request.scope["caller"]'
        },
    ),
    "that an expired token is not cached": Mutation(
        ENTRA,
        {
            "        check_lifetime(verified, self._clock())\n        if key.is_published": "        if key.is_published"
        },
    ),
    "the not-before time": Mutation(CLAIMS, {"if now < token.not_before - LEEWAY:": OUT}),
    "the time of issue": Mutation(CLAIMS, {'max(claims["nbf"], claims["iat"])': 'claims["nbf"]'}),
    "that times are numbers": Mutation(
        CLAIMS,
        {'if any(type(claims[time]) is not int for time in ("iat", "nbf", "exp")):': OUT},
    ),
    "that claims are present": Mutation(CLAIMS, {'"sub", "tid"': '"tid"'}),
    "the version": Mutation(CLAIMS, {'if claims["ver"] != "2.0":': OUT}),
    "the issuer": Mutation(CLAIMS, {'if issuer != template.replace("{tenantid}", tenant):': OUT}),
    "the issuer of the signing key": Mutation(
        CLAIMS, {"(keys.issuer, key.issuer)": "(keys.issuer,)"}
    ),
    # In a single-tenant service, the check of the issuer already refuses other tenants.
    "the tenant": Mutation(
        CLAIMS,
        {"if not settings.allows_tenant(tenant_id):": OUT},
        {"tenancy": "multi-tenant"},
    ),
    "that ids are GUIDs": Mutation(
        CLAIMS,
        {"isinstance(claim, str) and GUID.fullmatch(claim)": "isinstance(claim, str)"},
    ),
    "the scope": Mutation(ENTRA, {"or not scopes >= needed:": ":"}),
    "that an app-only token is refused": Mutation(
        CLAIMS,
        {
            'app_only, scopes, roles = claims.get("idtyp") == "app",': "app_only, scopes, roles = False,"
        },
    ),
    "that the token of a daemon is app-only": Mutation(
        CLAIMS, {'if app_only and "scp" not in claims:': 'if "scp" not in claims:'}
    ),
    "that the token of a daemon has no scope": Mutation(
        CLAIMS, {'if app_only and "scp" not in claims:': "if app_only:"}
    ),
    "the application permission": Mutation(ENTRA, {"or permission.value not in permissions:": ":"}),
    "that a person is not a daemon": Mutation(
        ENTRA,
        {
            "caller.permissions if isinstance(caller, Daemon) else frozenset()": "caller.permissions if isinstance(caller, Daemon) else caller.roles",
            "if not isinstance(caller, Daemon) or permission": "if permission",
        },
    ),
    "guests": Mutation(ENTRA, {"if caller.guest and not self.settings.allow_guests:": OUT}),
    "that only the account type 0 is a member": Mutation(
        CLAIMS, {'return str(claims["acct"]) != "0"': 'return claims["acct"] == 1'}
    ),
    "that another provider makes a guest": Mutation(
        CLAIMS,
        {'claims.get("idp", claims["iss"]) != claims["iss"]': "False"},
    ),
    "that it does so outside external tenants": Mutation(
        CLAIMS,
        {'if re.match(r"https://[^/]+\\.ciamlogin\\.com/", claims["iss"]):': "if True:"},
    ),
    # Only a single-tenant service can have customers, and tests of them.
    "that the host of an external tenant is complete": Mutation(
        CLAIMS,
        {r"https://[^/]+\.ciamlogin\.com/": "https://.*ciamlogin"},
        {"tenancy": "single-tenant"},
    ),
    "the client application": Mutation(
        ENTRA, {"if allowed and caller.client_id not in allowed:": OUT}
    ),
    "that there is one token": Mutation(ENTRA, {"if len(given) > 1:": OUT}),
    "that it is a bearer token": Mutation(ENTRA, {'if scheme.lower() != b"bearer":': OUT}),
    "the role": Mutation(
        ACCESS,
        {"if self.roles and self.roles.isdisjoint(person.roles):": OUT},
        {"app_roles": True},
    ),
    "the owner": Mutation(
        ROUTES,
        {"todo.owner_id != caller.object_id and not caller.has_role(ADMIN)": "False"},
        {"app_roles": True},
    ),
    "the owner, without roles": Mutation(
        ROUTES, {"todo.owner_id != caller.object_id": "False"}, {"app_roles": False}
    ),
    "that a withdrawn key ends cached tokens": Mutation(CACHE, {"self._tokens.clear()": "pass"}),
    "that a withdrawn key is refused after its grace": Mutation(
        KEYS, {"and self._clock() < key.gone_at else": "else"}
    ),
    "that a withdrawn key stays refused after a long outage": Mutation(
        KEYS, {"trusted = self.current if self.usable else None": "trusted = self.current"}
    ),
    "that a token of a withdrawn key is not cached": Mutation(
        ENTRA, {"if key.is_published:": "if True:"}
    ),
    "that a token verified with old keys is not cached": Mutation(
        CACHE, {"generation == self.generation": "True"}
    ),
    "that the cache forgets": Mutation(CACHE, {"if self._clock() < until else None": ""}),
    "the age of keys": Mutation(KEYS, {"and self.age < TRUST_FOR": ""}),
    "the pause between unknown keys": Mutation(
        KEYS, {"UNKNOWN_KEY_PAUSE = 300.0": "UNKNOWN_KEY_PAUSE = 0.0"}
    ),
    "that keys are long enough": Mutation(
        KEYS, {"if public.public_key.key_size < SHORTEST_KEY:": OUT}
    ),
    "that keys are RSA signing keys": Mutation(
        KEYS, {'if key["use"] == "sig" and key["kty"] == "RSA":': 'if key["kty"] == "RSA":'}
    ),
}


# Runs the tests in forks of one process, so that libraries are imported only once.
RUNNER = """
import json, os, sys
import pytest
import app.factory, tests.conftest
for name in [name for name in sys.modules if name.partition(".")[0] in {"app", "dev", "tests"}]:
    del sys.modules[name]
sys.dont_write_bytecode = True
for line in sys.stdin:
    files = json.loads(line)
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        # The tests with the cache off would only notice the same again.
        options = ["-qx", "-n0", "-k", "not off", "-p", "no:cacheprovider"]
        ignored = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        os._exit(pytest.main([*options, *ignored, *files]))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def noticing_files(folder: Path, names: list[str]) -> list[Path]:
    """Return the test files of a project whose names contain one of these."""
    return [path for name in names for path in sorted(folder.glob(f"tests/**/test_*{name}*.py"))]


@contextmanager
def judge_of(project: Project, copy: Path) -> Iterator[Callable[[list[str]], bool]]:
    """Yield a function that returns whether the named tests pass in a copy of a project."""
    running = subprocess.Popen(
        [python_of(project), "-B", "-c", RUNNER],
        cwd=copy,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdin
    assert running.stdout
    to, answers = running.stdin, running.stdout

    def passes(names: list[str]) -> bool:
        files = [str(path) for path in noticing_files(copy, names)]
        print(json.dumps(files), file=to, flush=True)
        status = answers.readline().strip()
        assert status in {"0", "1"}, f"pytest ended with status {status or 'unknown'}."
        return status == "0"

    with running:
        yield passes
        to.close()


CHEAPEST_FIRST = sorted(VARIANTS, key=lambda name: VARIANTS[name]["storage"] == "database")


def mutations_of(name: str, variant: Callable[[str], Project]) -> dict[str, Mutation]:
    """Return the mutations that are tried in this variant.

    If variants share a file and its tests, only one of them tries its mutations.
    """

    def texts(name: str, file: str) -> list[tuple[str, str]]:
        folder = variant(name).path
        paths = [
            file,
            *(str(path.relative_to(folder)) for path in noticing_files(folder, TESTS[file])),
        ]
        return [(path, (folder / path).read_text(encoding="utf-8")) for path in paths]

    def responsible(mutation: Mutation) -> str:
        own = texts(name, mutation.file)
        return next(
            other
            for other in CHEAPEST_FIRST
            if mutation.applies_to(VARIANTS[other]) and texts(other, mutation.file) == own
        )

    return {
        check: mutation
        for check, mutation in MUTATIONS.items()
        if mutation.applies_to(VARIANTS[name]) and responsible(mutation) == name
    }


def test_every_mutation_is_tried_in_some_variant(variant: Callable[[str], Project]) -> None:
    tried = [check for name in VARIANTS for check in mutations_of(name, variant)]
    assert set(tried) == set(MUTATIONS)


@pytest.mark.skipif(
    not hasattr(os, "fork"), reason="This machine cannot fork. Run the test on Linux."
)
@each_variant
def test_tests_fail_without_a_security_check(
    variant: Callable[[str], Project], name: str, uv: str, tmp_path: Path
) -> None:
    mutations = mutations_of(name, variant)
    if not mutations:
        pytest.skip("Variants with the same files already try these mutations.")
    project = render(tmp_path, VARIANTS[name])
    project.run(uv, "sync", "--locked")
    copy = tmp_path / "copy"
    left_out = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", "fuzz")
    shutil.copytree(project.path, copy, ignore=left_out)
    unnoticed = []
    with judge_of(project, copy) as passes:
        files = {mutation.file for mutation in mutations.values()}
        assert passes(sorted({test for file in files for test in TESTS[file]}))
        for check, mutation in mutations.items():
            file = copy / mutation.file
            text = mutated = file.read_text(encoding="utf-8")
            for old, new in mutation.changes.items():
                assert mutated.count(old) == 1, (check, old)
                mutated = mutated.replace(old, new)
            file.write_text(mutated, encoding="utf-8")
            if passes(TESTS[mutation.file]):
                unnoticed.append(check)
            file.write_text(text, encoding="utf-8")
    assert not unnoticed
