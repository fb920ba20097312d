"""The prompts: which answers they accept, and where a user's text appears."""

import ast
import os
import subprocess
import tomllib
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cookiecutter.exceptions import FailedHookException
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from template_text import RESERVED_SLUGS, markdown_text, python_string, slug, toml_string
from tests.conftest import RUFF, Bake, Project, render

BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HOSTILE = [
    '"""; import os; os.mkdir("canary") #',
    "'''",
    "\\",
    '\\"',
    "a' b\" c\\",
    "${HOME} $(mkdir canary) `mkdir canary`",
    "%PATH% & mkdir canary",
    "<b>bold</b> <script>alert(1)</script>",
    "# not a heading #",
    "- 1. [x](y) ![z](w) | *a* _b_ ~c~",
    "1. first",
    "=== --- +++",
    "emoji 🥛 family 👩‍👩‍👧",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "{ single } braces }} %} #}",
    " spaces at both ends ",
    "zero\u200bwidth \ufeff no-break\u00a0space",
    "http://example.com?a=b&c=d",
    "&amp; &#65;",
]
"""Valid texts that would break a careless template, or that it would run."""


def legal(text: str) -> bool:
    """Return whether a text contains no Jinja delimiter."""
    return not any(mark in text for mark in ("{{", "{%", "{#"))


def texts(longest: int) -> st.SearchStrategy[str]:
    """Return valid texts of 1 to `longest` characters."""
    characters = st.characters(
        exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters=BIDIRECTIONAL
    )
    risky = st.sampled_from("\"'\\#$%<>&{}[]()*_`~|!-+=.:1 \u200b\u00a0é🥛")
    return st.text(characters | risky, min_size=1, max_size=longest).filter(legal)


def shown(markdown: str) -> list[str]:
    """Return the text that a reader sees in each block of a Markdown document."""
    return [
        "".join(child.content for child in token.children or [] if child.type == "text")
        for token in MarkdownIt("commonmark").parse(markdown)
        if token.type == "inline"
    ]


def arrived(project: Project, name: str, description: str, author: str) -> None:
    """Assert that the project contains the texts unchanged."""
    metadata = tomllib.loads(project.path.joinpath("pyproject.toml").read_text(encoding="utf-8"))
    assert metadata["project"]["description"] == description
    assert metadata["project"]["authors"] == [{"name": author}]

    about = project.path.joinpath("app/about.py").read_text(encoding="utf-8")
    assignment = ast.parse(about).body[-1]
    assert isinstance(assignment, ast.Assign)
    assert ast.literal_eval(assignment.value) == (name, description)

    readme = shown(project.path.joinpath("README.md").read_text(encoding="utf-8"))
    assert readme[0] == name
    assert not description or readme[1] == description


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_unchanged_and_not_run(
    bake: Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    project = bake(project_name=text, description=text, author_name=text, project_slug="hostile")
    arrived(project, text, text, text)
    assert not list(tmp_path.rglob("canary"))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=texts(60), description=st.just("") | texts(200), author=texts(80))
def test_any_valid_text_renders(
    monkeypatch: pytest.MonkeyPatch, name: str, description: str, author: str
) -> None:
    with TemporaryDirectory() as folder, monkeypatch.context() as patched:
        patched.setenv("PATH", folder)
        patched.delenv("UV", raising=False)
        answers = {"project_name": name, "description": description, "author_name": author}
        project = render(Path(folder), answers)
        arrived(project, name, description, author)
        for check in (["format", "--check"], ["check"]):
            about = str(project.path / "app" / "about.py")
            subprocess.run([RUFF, *check, "--quiet", about], check=True, cwd=project.path)


@settings(max_examples=500)
@given(texts(200))
@example("\\'")
@example("'\"" * 50)
def test_filters_preserve_any_text(text: str) -> None:
    assert ast.literal_eval(python_string(text)) == text
    assert tomllib.loads(f"text = {toml_string(text)}") == {"text": text}
    assert shown(f"# {markdown_text(text)}\n") == [text]
    assert shown(f"{markdown_text(text)}\n") == [text]


@settings(max_examples=500)
@given(texts(60))
@example("🥛")
@example("FastAPI")
@example("CON")
@example("9 lives")
@example("-")
@example("x" * 49 + " y")
@example("opentelemetry exporter otlp proto common")
def test_slug_of_a_valid_name_is_valid(name: str) -> None:
    proposed = slug(name)
    assert 1 <= len(proposed) <= 50
    assert set(proposed) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert proposed[0].isalpha()
    assert proposed[-1] != "-"
    assert proposed not in RESERVED_SLUGS


INVALID = [
    ("project_name", ""),
    ("project_name", "x" * 61),
    ("project_name", "two\nlines"),
    ("project_name", "tab\there"),
    ("project_name", "line\u2028separator"),
    ("project_name", "right\u202eto left"),
    ("description", "x" * 201),
    ("description", "two\nlines"),
    ("author_name", ""),
    ("author_name", "x" * 81),
    ("author_name", "bell\x07"),
    ("project_slug", "Todo"),
    ("project_slug", "1todo"),
    ("project_slug", "todo-"),
    ("project_slug", "to do"),
    ("project_slug", "todo\n"),
    ("project_slug", "t" * 51),
    ("project_slug", "a/b"),
    ("project_slug", "todo_api"),
    ("project_slug", "fastapi"),
    ("project_slug", "pydantic-core"),
    ("project_slug", "con"),
    ("project_slug", "lpt1"),
]
REFUSED_BY_WINDOWS = {"todo\n", "con", "lpt1"}
"""Slugs for which cookiecutter cannot create a folder on Windows, before the hook sees them."""


@pytest.mark.parametrize(("prompt", "answer"), INVALID)
def test_invalid_answer_is_refused_in_one_sentence(
    bake: Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str], prompt: str, answer: str
) -> None:
    if os.name == "nt" and answer in REFUSED_BY_WINDOWS:
        pytest.skip("Windows itself refuses to create a folder with this name")
    with pytest.raises(FailedHookException):
        bake(**({"project_slug": "todo-api"} | {prompt: answer}))
    sentences = [line for line in capfd.readouterr().err.splitlines() if line.startswith("ERROR")]
    assert len(sentences) == 1
    assert sentences[0].startswith(f"ERROR: {prompt} must ")
    assert f"; got {answer!a}." in sentences[0]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_slug_cannot_leave_the_output_folder(bake: Bake, tmp_path: Path) -> None:
    before = set(tmp_path.parent.iterdir())
    with pytest.raises(FailedHookException):
        bake(project_slug="../outside")
    assert set(tmp_path.parent.iterdir()) == before


def test_all_invalid_answers_are_reported_at_once(
    bake: Bake, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FailedHookException):
        bake(project_slug="Todo", author_name="")
    assert capfd.readouterr().err.count("ERROR: ") == 2


def test_bidirectional_controls_are_format_characters() -> None:
    assert {unicodedata.category(char) for char in BIDIRECTIONAL} == {"Cf"}
