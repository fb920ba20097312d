"""The log never stops the service, and each line of it is JSON."""

import json
import logging
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from typing import TextIO

import pytest

from app.http.log import JsonFormatter
from app.http.log_stream import LogHandler, LogStream

NESTED: list[object] = []
for _ in range(5000):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("-inf"), b"\xff", b"text", "\ud800", 10**4000, object(), NESTED, {1: {2}}],
    ids=[
        "nan",
        "infinity",
        "bytes",
        "text in bytes",
        "surrogate",
        "number",
        "object",
        "deep",
        "set",
    ],
)
def test_line_is_json_whatever_it_contains(value: object) -> None:
    record = logging.makeLogRecord({"msg": "odd", "value": value, "levelname": "INFO"})
    line = JsonFormatter().format(record)
    assert "\n" not in line
    parsed = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert "odd" in parsed["event"]


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """Return both ends of a pipe."""
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as stream:
        yield reading, stream
    os.close(reading)


def read_all(reading: int) -> str:
    """Return what is in a pipe."""
    os.set_blocking(reading, False)
    parts = []
    try:
        while part := os.read(reading, 65536):
            parts.append(part)
    except BlockingIOError:
        pass
    return b"".join(parts).decode()


without_poll = pytest.mark.skipif(
    not hasattr(select, "poll"), reason="Windows cannot tell whether a pipe is full"
)


@without_poll
def test_full_pipe_loses_lines_and_counts_them(
    pipe: tuple[int, TextIO], caplog: pytest.LogCaptureFixture
) -> None:
    reading, stream = pipe
    log = LogStream(stream)
    lines = [f"line {number:04}".ljust(999) + "\n" for number in range(200)]
    for line in lines:
        log.write(line.encode())
    written = read_all(reading)
    assert lines[: len(written) // 1000] == written.splitlines(keepends=True)
    assert 0 < len(written) < 200_000
    assert not caplog.records
    log.write(b"one more\n")
    assert read_all(reading) == "one more\n"
    (record,) = caplog.records
    assert record.message == "lines of the log were lost"
    assert record.__dict__["lines"] == 200 - len(written) // 1000


@without_poll
def test_line_after_an_incomplete_one_begins_a_new_line(
    pipe: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.http.log_stream.MILLISECONDS_FOR_THE_REST", 1)
    reading, stream = pipe
    log = LogStream(stream)
    log.write(b"x" * 200_000 + b"\n")
    assert set(read_all(reading)) == {"x"}
    log.write(b"the next\n")
    assert read_all(reading) == "\nthe next\n"


@without_poll
def test_reader_that_is_gone_does_not_stop_the_service(pipe: tuple[int, TextIO]) -> None:
    reading, stream = pipe
    log = LogStream(stream)
    broken, _ = os.pipe()
    os.dup2(broken, reading)
    handler = LogHandler(log)
    handler.emit(logging.makeLogRecord({"msg": "lost"}))
    os.close(broken)


CLOSED = """
import logging
from app.http.log import configure_logging
configure_logging("INFO", "json")
logging.getLogger("app").warning("nobody reads this")
"""


def test_stderr_that_is_closed_from_the_start_does_not_stop_the_service() -> None:
    command = [sys.executable, "-c", CLOSED]
    close = None if sys.platform == "win32" else lambda: os.close(2)
    assert subprocess.run(command, preexec_fn=close, check=False, timeout=50).returncode == 0
