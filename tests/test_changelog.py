"""The changelog has a section for each release, which says what users must do by hand."""

import re
import tomllib

from tests.conftest import TEMPLATE

RELEASE = re.compile(
    r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}\n(.*?)(?=^## |^\[|\Z)", re.M | re.S
)


def test_every_release_says_what_to_do_by_hand() -> None:
    text = (TEMPLATE / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "\n## [Unreleased]\n" in text
    releases = RELEASE.findall(text)
    assert len(releases) == text.count("\n## [") - 1
    for version, section in releases:
        by_hand = section.partition("\n### By hand\n\n")[2]
        assert by_hand.startswith("- "), version
    metadata = tomllib.loads((TEMPLATE / "pyproject.toml").read_text(encoding="utf-8"))
    assert metadata["project"]["version"] == releases[0][0]
