"""The language of the documents, docstrings, comments, messages and test names."""

import subprocess
from collections.abc import Callable

import pytest

from tests.conftest import EVERY_VARIANT, TEMPLATE, Project
from tests.prose import faults_of

WORDS = {".py", ".md", ".json", ".yaml", ".yml", ".toml", ".html", ".js", ".bicep", ".example", ""}
"""The suffixes of files that contain sentences."""
EXAMPLES = ("tests/prose.py", "tests/test_prose.py", "CONTRIBUTING.md")
"""Files that quote the phrases."""


@pytest.mark.parametrize("name", EVERY_VARIANT)
def test_rendered_files_contain_no_phrase_to_avoid(
    variant: Callable[[str], Project], name: str
) -> None:
    texts = variant(name).texts()
    faults = [fault for path, text in texts.items() for fault in faults_of(path, text)]
    assert not faults, "\n".join(faults)


def test_template_files_contain_no_phrase_to_avoid() -> None:
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=TEMPLATE, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    faults = [
        fault
        for file in files
        if not file.startswith("{{") and (TEMPLATE / file).suffix in WORDS
        if file not in EXAMPLES and (TEMPLATE / file).exists() and not file.startswith("LICENSE")
        for fault in faults_of(file, (TEMPLATE / file).read_text(encoding="utf-8"))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("path", "text", "phrase"),
    [
        ("a.md", "Sign in\nanew.", "anew"),
        ("a.md", "`whoever` is a name, [so](#whoever) is this.", None),
        ("a.md", "```sh\necho alone\n```\nIt stands in the file.", "stands in the"),
        (
            "a.md",
            "There is no reason, and it is no longer there. A stand-in stands in for it.",
            None,
        ),
        ("a.py", "def test_it_takes_a_name() -> None:\n    pass\n", "takes a name"),
        ("a.py", "# It is no\n# token.\n", "is no token"),
        ("a.py", 'x = "It is no token."\n', "is no token"),
        ("a.py", "x = anew\n", None),
        ("a.yaml", "# Only this alone\n", "alone"),
    ],
    ids=[
        "phrase across lines",
        "code and a link",
        "text after code",
        "similar phrases",
        "name of a test",
        "comment across lines",
        "string",
        "code",
        "comment in YAML",
    ],
)
def test_phrases_are_found_in_words_but_not_in_code(
    path: str, text: str, phrase: str | None
) -> None:
    faults = faults_of(path, text)
    assert len(faults) == (1 if phrase else 0), faults
    assert phrase is None or f"“{phrase}”" in faults[0]
