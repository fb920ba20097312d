"""The Swagger UI of the docs page is the one that its authors published."""

import re
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.missing import missing, need

pytestmark = pytest.mark.slow


def test_digests_in_the_rendered_test_are_those_of_npm(tmp_path: Path) -> None:
    need("npm")
    source = PROJECT.joinpath("tests", "test_libraries.py").read_text(encoding="utf-8")
    version = re.search(r"^# SHA-256 of files in swagger-ui-dist ([\d.]+),", source, re.MULTILINE)
    digests = dict(re.findall(r'"([\w.-]+\.(?:js|css|png))",\s+"([0-9a-f]{64})"', source))
    assert version
    assert len(digests) == 3
    packed = subprocess.run(
        ["npm", "pack", f"swagger-ui-dist@{version[1]}"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    if packed.returncode:
        missing("npm does not answer: connect to the registry of npm")
    (archive,) = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as package:
        for name, digest in digests.items():
            published = package.extractfile(f"package/{name}")
            assert published
            assert sha256(published.read()).hexdigest() == digest, name
