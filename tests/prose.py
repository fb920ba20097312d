"""The words in a file, and the phrases to avoid in them."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import count, takewhile

AVOIDED = {
    r"anew": "again, or start over",
    r"besides": "also, or apart from",
    r"whoever": "anyone who, or name the reader",
    r"(?<!it )(?<!others )(?<!lines )alone": "only",
    r"in the end": "finally, or leave it out",
    r"dear|dearer|dearest": "expensive",
    r"one after the other": "in turn, or one at a time",
    r"(?<!there )(?:is|are|was|were) no (?!longer|more|different|other)\w+": "is not a …",
    r"takes? (?:a|an|the|either|any|only|its|their|one|no) (?!place|turn|look)\w+": "expects, requires, or accepts",
    r"stands? in (?!for)\w+": "is in",
    r"save for|save that": "except",
    r"as wanted": "up to date",
    r"(?<!what )(?<!nothing )(?:is|are) wrong\b(?! with)": "is invalid, or is incorrect",
    r"so that (?:nobody|no one)": "say what cannot happen",
    r"who may(?=:| do what)": "Access:, or who can",
    r"is not concerned": "is not affected",
    r"and the like": "and so on, or name them",
    r"lest|hence|thus|herein|whereby": "so, therefore, or in which",
    r"lands? in": "ends up in",
    r"in place of": "instead of",
    r"reply URL": "redirect URI",
    r"e-mail": "email",
    r"simply|easily|obviously|of course": "leave it out",
}
"""A regular expression for each phrase to avoid, and what to write instead."""

HABITS = [
    (re.compile(rf"(?<![\w-])(?:{habit})(?![\w-])", re.IGNORECASE), advice)
    for habit, advice in AVOIDED.items()
]
CODE_IN_MARKDOWN = re.compile(
    r"^( *)(```|~~~).*?^\1\2$|`[^`\n]+`|\]\([^)]*\)|<[^>\n]+>", re.M | re.S
)
CODE_IN_TEXT = re.compile(r"`[^`\n]*`|``[^`]*``|https?://\S+")
JINJA = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}")


def faults_of(path: str, text: str) -> list[str]:
    """Return a message for each phrase to avoid in a file: path, phrase, and what to write."""
    return [
        f"{path}: “{found[0]}”: write {advice} ({excerpt(words, found)})"
        for words in passages(path, text)
        for habit, advice in HABITS
        for found in habit.finditer(words)
    ]


def excerpt(words: str, found: re.Match[str]) -> str:
    """Return a phrase with the text around it."""
    return words[max(found.start() - 30, 0) : found.end() + 30].replace("\n", " ")


def passages(path: str, text: str) -> Iterator[str]:
    """Return the passages of a file that people read, without the code in them."""
    if path.endswith(".py"):
        passages = list(passages_of_python(text))
    elif path.endswith(".md"):
        passages = [CODE_IN_MARKDOWN.sub("`", text)]
    else:
        passages = [text]
    for passage in passages:
        # A sentence may span several lines.
        yield re.sub(r"\s+(?:#\s+)?", " ", CODE_IN_TEXT.sub("`", passage))


def passages_of_python(source: str) -> Iterator[str]:
    """Return the comments, the strings and the names of functions in a module."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    comments = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    for line, comment in comments.items():
        if line - 1 not in comments:
            following = takewhile(comments.__contains__, count(line + 1))
            yield "\n".join([comment, *(comments[number] for number in following)])
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.value
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name.replace("_", " ")
