"""A project of an earlier version is updated as `docs/updating.md` says, and keeps its changes."""

import json
import re
import subprocess
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from tests import note
from tests.conftest import TEMPLATE, VARIANTS, Project, copy_template
from tests.missing import missing

pytestmark = pytest.mark.slow

EARLIER = {
    "1de5317e8525912f21f7803b8c9e3d54c2fc0c3d": ("cookiecutter", "multi-tenant, no roles, memory"),
    "3afe76212f99195c24061e873b316fc7cb53fef0": ("cruft", "single-tenant, roles, database"),
}
"""Commits of the template; what renders the project from each, and which variant."""

GIT = ["git", "-c", "user.name=A User", "-c", "user.email=user@example.com"]

SKIP = """
[tool.cruft]
# `uv sync` updates it: see docs/updating.md.
skip = ["uv.lock"]
"""
CHAPTER = "## Our team\n\nAsk the people in room 5.\n\n"
SETTING = '    greeting: str = Field("Hello", description="the word that greets callers")\n'
EDITS: note.Edits = note.EDITS | {
    "README.md": [("## Test\n", CHAPTER + "## Test\n")],
    "app/settings.py": [("    log_level: Annotated[\n", SETTING + "    log_level: Annotated[\n")],
    "tests/todos/test_api.py": [('"done", "owner_id", ', '"done", "note", "owner_id", ')],
}
"""What a user changes in each file: a chapter, a setting, and a field of the todos."""
GENERATED = {".env.example", "docs/settings.md"}
"""Files that `python -m dev.reference` writes after the user's changes."""
TESTS = (
    "tests/test_settings.py",
    "tests/test_migrations.py",
    "tests/todos/test_api.py",
    "tests/todos/test_store.py",
)
"""Tests of what the user changed."""


@dataclass(frozen=True)
class History:
    """A clone of the template, with the working tree as its newest commit."""

    path: Path

    def checked_out(self, commit: str, project: Project, folder: Path, uv: str) -> Project:
        """Render the project again from another commit, with its answers, as cruft does."""
        state = json.loads((project.path / ".cruft.json").read_text(encoding="utf-8"))
        answers = state["context"]["cookiecutter"]
        answers = {name: value for name, value in answers.items() if not name.startswith("_")}
        options = ["--no-input", "--default-config", "--checkout", commit]
        options += ["--extra-context", json.dumps(answers), "--output-dir", str(folder)]
        folder.mkdir()
        Project(folder).run(uv, "tool", "run", "cruft", "create", *options, str(self.path))
        return Project(folder / project.path.name)


@pytest.fixture
def template(tmp_path: Path, commit: str) -> History:
    """Return the template with the working tree committed, and with its earlier commits."""
    found = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    if subprocess.run(found, cwd=TEMPLATE, capture_output=True, check=False).returncode:
        missing(f"The git history lacks the commit {commit}. Run `git fetch --unshallow`.")
    clone = Project(tmp_path / "template")
    subprocess.run(["git", "clone", "--quiet", str(TEMPLATE), str(clone.path)], check=True)
    clone.run("git", "rm", "-r", "--quiet", ".")
    copy_template(clone.path)
    clone.run("git", "add", "--all")
    clone.run(*GIT, "commit", "--quiet", "--allow-empty", "--message", "The working tree")
    return History(clone.path)


def commit_all(project: Project, message: str) -> None:
    """Commit everything in the project."""
    project.run("git", "add", "--all")
    project.run(*GIT, "commit", "--quiet", "--message", message)


def edit(project: Project, uv: str) -> None:
    """Change the project as a user would, and commit the changes."""
    note.apply_edits(project.path, EDITS)
    settings = project.path / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    if SKIP.strip() not in text:
        settings.write_text(text + SKIP, encoding="utf-8")
    project.run(uv, "add", "--quiet", "humanize>=4")
    project.run(uv, "run", "python", "-m", "dev.reference")
    commit_all(project, "A field, a setting, a chapter and a package")


def edit_what_the_template_changed(project: Project, old: Project, new: Project) -> str:
    """Change a line of a page where the update changes it too; return the path of the page."""
    before, after = old.texts(), new.texts()
    pages = [path for path in before if re.fullmatch(r"docs/[\w-]+\.md", path) and path in after]
    for path in sorted(page for page in pages if page not in GENERATED):
        lines, newer = before[path].splitlines(), after[path].splitlines()
        for kind, start, _, _, _ in SequenceMatcher(
            None, lines, newer, autojunk=False
        ).get_opcodes():
            if kind != "equal":
                lines[start : start + (kind != "insert")] = ["A sentence of the user."]
                (project.path / path).write_text("\n".join([*lines, ""]), encoding="utf-8")
                commit_all(project, "A sentence")
                return path
    raise AssertionError("The template has changed no page since this commit: choose an older one.")


def conflicts_of(project: Project) -> set[str]:
    """Return the files with a conflict that git or cruft left to the user."""
    unmerged = project.run("git", "diff", "--name-only", "--diff-filter=U").split()
    rejected = [path.relative_to(project.path).as_posix() for path in project.path.rglob("*.rej")]
    return {*unmerged, *rejected}


def create(template: History, commit: str, folder: Path, uv: str) -> Project:
    """Render a project from the commit, link it to the template, and commit each step."""
    renderer, variant = EARLIER[commit]
    answers = VARIANTS[variant] | {"project_name": "My Service"}
    run = [uv, "tool", "run", "cruft"]
    source = [str(template.path), "--checkout", commit, "--default-config", "--no-input"]
    context = ["--extra-context", json.dumps(answers)]
    if renderer == "cruft":
        Project(folder).run(*run, "create", *source, *context)
    else:
        # Cookiecutter ignores `--checkout` for a template in a folder.
        Project(template.path).run("git", "checkout", "--quiet", commit)
        given = [f"{key}={answer}" for key, answer in answers.items()]
        options = ["--default-config", "--no-input"]
        Project(folder).run(*run[:-1], "cookiecutter", source[0], *options, *given)
        Project(template.path).run("git", "checkout", "--quiet", "-")
    project = Project(folder / "my-service")
    commit_all(project, "Render the template")
    if renderer == "cookiecutter":
        project.run(*run, "link", *source, *context)
        commit_all(project, "Link the project to its template")
    return project


@pytest.mark.parametrize("commit", EARLIER)
def test_update_keeps_changes_and_conflicts_only_where_both_changed_a_line(
    tmp_path: Path, template: History, commit: str, uv: str
) -> None:
    project = create(template, commit, tmp_path, uv)
    edit(project, uv)
    old = template.checked_out(commit, project, tmp_path / "old", uv)
    new = template.checked_out("HEAD", project, tmp_path / "new", uv)
    page = edit_what_the_template_changed(project, old, new)

    project.run(uv, "tool", "run", "cruft", "update", "--skip-apply-ask", PWD=str(project.path))
    assert conflicts_of(project) == {page}
    conflict = (project.path / page).read_text(encoding="utf-8")
    assert re.search(r"^<<<<<<< .*\nA sentence of the user\.\n=+\n", conflict, re.MULTILINE)
    project.run("git", "diff", "--quiet", "HEAD", "--", "uv.lock")

    project.run("git", "checkout", "--theirs", "--", page)
    project.run(uv, "sync")
    project.run(uv, "lock", "--check")
    project.run(uv, "run", "python", "-m", "dev.reference")
    for path, edits in EDITS.items():
        if (project.path / path).exists():
            text = (project.path / path).read_text(encoding="utf-8")
            assert all(change in text for _, change in edits), path
    assert 'name = "humanize"' in (project.path / "uv.lock").read_text(encoding="utf-8")
    for path, text in new.texts().items():
        if path not in {*EDITS, *GENERATED, ".cruft.json", "pyproject.toml"}:
            assert project.texts()[path] == text, path
    project.run(uv, "run", "ruff", "format", "--check")
    project.run(uv, "run", "ruff", "check")
    project.run(uv, "run", "mypy", ".")
    tests = [path for path in TESTS if (project.path / path).exists()]
    output = project.run(uv, "run", "pytest", "-q", "-n", "0", *tests)
    assert re.search(r"^\d+ passed", output, re.MULTILINE), output
