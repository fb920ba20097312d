"""All lists of answers agree: see "Add an answer" in CONTRIBUTING.md."""

import json
import re
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any

from jinja2 import Environment, nodes

from tests.conftest import EVERY_VARIANT, PROJECT, TEMPLATE, VARIANTS
from tests.hooks import hook

PROMPTS: dict[str, Any] = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
ASKED = {prompt: value for prompt, value in PROMPTS.items() if not prompt.startswith("_")}
CHOICES = {
    prompt: ["True", "False"] if isinstance(value, bool) else value
    for prompt, value in ASKED.items()
    if isinstance(value, bool | list)
}
"""The answers to each prompt that is a choice."""


@cache
def sources() -> dict[str, nodes.Template]:
    """Return each text file of the project, parsed as a Jinja template, by its path."""
    parsed = {}
    for path in sorted(path for path in PROJECT.rglob("*") if path.is_file()):
        if path.suffix not in {".png", ".pyc"}:
            text = path.read_text(encoding="utf-8")
            name = path.relative_to(PROJECT).as_posix()
            parsed[name] = Environment(autoescape=False).parse(text, name)
    return parsed


def named_in(source: nodes.Template) -> dict[str, nodes.Node]:
    """Return the value of each `{% set NAME = ... %}` in a file, by name."""
    return {
        each.target.name: each.node
        for each in source.find_all(nodes.Assign)
        if isinstance(each.target, nodes.Name)
    }


def answer_of(condition: nodes.Node, names: dict[str, nodes.Node]) -> tuple[str, str] | None:
    """Return the prompt and answer that a condition tests, or None if it tests something else."""
    match condition:
        case nodes.Name(name=name) if name in names:
            return answer_of(names[name], names)
        case nodes.Getattr(node=nodes.Name(name="cookiecutter"), attr=prompt):
            return prompt, "True"
        case nodes.Not(node=inner):
            asked = answer_of(inner, names)
            return (asked[0], "False") if asked and asked[1] == "True" else None
        case nodes.Compare(
            expr=nodes.Getattr(node=nodes.Name(name="cookiecutter"), attr=prompt),
            ops=[nodes.Operand(op="eq", expr=nodes.Const(value=answer))],
        ):
            return prompt, answer
    return None


def prompts_in(condition: nodes.Node, names: dict[str, nodes.Node]) -> set[str]:
    """Return the prompts that a condition depends on."""
    found = {condition.attr} if isinstance(condition, nodes.Getattr) else set()
    found |= {each.attr for each in condition.find_all(nodes.Getattr)}
    inside = [condition, *condition.find_all(nodes.Name)]
    for each in inside:
        if isinstance(each, nodes.Name) and each.name in names:
            found |= prompts_in(names[each.name], names)
    return found


def test_every_prompt_has_a_question_and_every_choice_a_label() -> None:
    assert list(PROMPTS["__prompts__"]) == list(ASKED)
    for prompt, value in ASKED.items():
        if isinstance(value, list):
            labels = PROMPTS["__prompts__"][prompt]
            assert list(labels) == ["__prompt__", *value]
            assert all(labels[answer].startswith(f"{answer}: ") for answer in value)


def test_hooks_list_every_prompt_and_answer(tmp_path: Path) -> None:
    before, after = hook("pre_gen_project", tmp_path), hook("post_gen_project", tmp_path)
    assert {prompt: list(answers) for prompt, answers in before["CHOICES"].items()} == CHOICES
    assert set(before["TEXT_LENGTHS"]) | {"project_slug"} | set(CHOICES) == set(ASKED)
    assert list(before["ANSWERS"]) == list(ASKED)
    assert list(after["ANSWERS"]) == list(CHOICES)
    keys = {(prompt, answer) for prompt, answers in CHOICES.items() for answer in answers}
    assert set(after["PATHS_OF"]) <= keys
    for prompt in CHOICES:
        paths = [
            path for key, paths in after["PATHS_OF"].items() if key[0] == prompt for path in paths
        ]
        # A path under two answers to one prompt would always be removed.
        assert len(paths) == len(set(paths)), prompt


def test_every_pair_of_answers_is_in_a_variant() -> None:
    variants = [
        {(prompt, str(answers[prompt])) for prompt in CHOICES} for answers in EVERY_VARIANT.values()
    ]
    answers = [(prompt, answer) for prompt in CHOICES for answer in CHOICES[prompt]]
    for pair in combinations(answers, 2):
        assert pair[0][0] == pair[1][0] or any(set(pair) <= variant for variant in variants), pair
    of_service = {prompt: CHOICES[prompt] for prompt in ("tenancy", "app_roles", "storage")}
    assert len(VARIANTS) == len(list(product(*of_service.values())))


def test_readme_explains_every_prompt_and_answer() -> None:
    text = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    rows = {
        prompt: (default, answers)
        for prompt, default, answers in re.findall(
            r"^\| `(\w+)` \| (.+?) \| (.+) \|$", text, re.MULTILINE
        )
    }
    assert list(rows) == list(ASKED)
    for prompt, value in ASKED.items():
        default, explained = rows[prompt]
        if isinstance(value, list):
            assert default == f"`{value[0]}`"
            assert re.findall(r"`([\w-]+)`: ", explained) == value
        if isinstance(value, bool):
            assert default == ("yes" if value else "no")


def test_folder_of_an_answer_is_listed_with_its_files(tmp_path: Path) -> None:
    for answer, paths in hook("post_gen_project", tmp_path)["PATHS_OF"].items():
        for path in paths:
            assert (PROJECT / path).is_dir() == path.endswith("/"), path
            if path.endswith("/"):
                inside = {name for name in sources() if name.startswith(path)}
                assert inside <= set(paths), (answer, inside - set(paths))


def test_file_that_is_empty_without_its_conditions_is_listed(tmp_path: Path) -> None:
    listed = {
        path for paths in hook("post_gen_project", tmp_path)["PATHS_OF"].values() for path in paths
    }
    for path, source in sources().items():
        outside = [
            node
            for node in source.body
            if not isinstance(node, nodes.If | nodes.Assign)
            and not (
                isinstance(node, nodes.Output)
                and all(
                    isinstance(part, nodes.TemplateData) and not part.data.strip()
                    for part in node.nodes
                )
            )
        ]
        assert outside or not source.body or path in listed, path


def test_every_condition_tests_for_an_existing_answer() -> None:
    for path, source in sources().items():
        for attribute in source.find_all(nodes.Getattr):
            if isinstance(attribute.node, nodes.Name) and attribute.node.name == "cookiecutter":
                assert attribute.attr in ASKED, (path, attribute.lineno)
        for compared in source.find_all(nodes.Compare):
            asked = answer_of(compared, {})
            assert asked, (path, compared.lineno)
            assert asked[1] in CHOICES[asked[0]], (path, compared.lineno)


def test_every_branch_names_its_answer_and_every_answer_has_a_branch() -> None:
    undecided: list[str] = []
    for path, source in sources().items():
        names = named_in(source)
        for choice in source.find_all(nodes.If):
            where = f"{path}:{choice.lineno}"
            assert not choice.else_, f"{where}: name the answer instead of using a bare else"
            if choice.elif_:
                branches = [answer_of(each.test, names) for each in (choice, *choice.elif_)]
                answers = [branch[1] for branch in branches if branch]
                prompts = {branch[0] for branch in branches if branch}
                assert len(answers) == len(branches), (
                    f"{where}: a branch does not test for one answer"
                )
                assert len(prompts) == 1, f"{where}: its branches test different prompts: {prompts}"
                missing = [answer for answer in CHOICES[prompts.pop()] if answer not in answers]
                undecided += [f"{where} has no branch for {answer}" for answer in missing]
        # An else or a not is unambiguous only if the prompt has two answers.
        elses = [each.test for each in source.find_all(nodes.CondExpr) if each.expr2 is not None]
        for condition in (*elses, *source.find_all(nodes.Not)):
            for prompt in prompts_in(condition, names):
                undecided += [
                    f"{path}:{condition.lineno} has an else or a not, which also covers {answer}"
                    for answer in CHOICES.get(prompt, [])[2:]
                ]
    assert not undecided, "\n".join(undecided)
