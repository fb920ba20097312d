"""The source of the template and of its tests, before anything is rendered."""

import ast
import re

from tests.conftest import PROJECT, TEMPLATE

CONDITION = re.compile(r"\{%-? *(?:if|elif)\b|\{\{.* if .*\}\}")
MOST_CONDITIONS = 57
"""How many lines of the project's Python files may contain a condition."""


def test_no_test_module_imports_another() -> None:
    for path in (*TEMPLATE.glob("tests/*.py"), *TEMPLATE.glob("benchmarks/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            # The module may be the imported name, or the module that it is imported from.
            modules = {part for name in names for part in name.split(".")[:2]}
            assert not [module for module in modules if module.startswith("test_")], path.name


def test_python_files_have_few_conditions() -> None:
    lines = {
        f"{path.relative_to(PROJECT)}:{number}"
        for path in PROJECT.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if CONDITION.search(line)
    }
    assert len(lines) <= MOST_CONDITIONS, "Move what differs to a separate file: see PATHS_OF."
