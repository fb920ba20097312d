"""Writes the log to stderr. A reader that stops cannot block the service."""

import logging
import os
import select
from io import UnsupportedOperation
from threading import RLock
from typing import TextIO

log = logging.getLogger(__name__)

MILLISECONDS_FOR_THE_REST = 100
"""How long each further part of a line waits for a reader, once the first is written."""


class LogStream:
    """Writes lines to a file, a terminal or a pipe.

    A pipe that nobody reads fills up, and would then stop the process. A line that does not fit is
    lost instead. Once lines can be written again, the log says how many were lost.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """Write to this stream; None is a stream that was closed before the process started."""
        self._stream = getattr(stream, "buffer", None)
        self._lost = 0
        self._is_torn = False
        self._lock = RLock()
        self._poll = None
        try:
            # Windows has no poll, and tests replace stderr with a stream that has no file.
            self._file = stream.fileno() if stream and hasattr(select, "poll") else None
        except UnsupportedOperation:
            self._file = None
        if self._file is not None:
            self._poll = select.poll()
            self._poll.register(self._file, select.POLLOUT)

    def write(self, line: bytes) -> None:
        """Write a line, or lose it."""
        with self._lock:
            if not self._write(line):
                self._lost += 1
                return
            lost, self._lost = self._lost, 0
            if lost:
                log.warning("lines of the log were lost", extra={"lines": lost})
                # This line may have been lost too.
                self._lost += lost if self._lost else 0

    def _write(self, line: bytes) -> bool:
        if self._is_torn:
            line = b"\n" + line
        try:
            if self._poll is None or self._file is None:
                if self._stream:
                    self._stream.write(line)
                    self._stream.flush()
                return True
            # A pipe that is ready has room for this many bytes.
            for start in range(0, len(line), select.PIPE_BUF):
                if not self._poll.poll(MILLISECONDS_FOR_THE_REST if start else 0):
                    self._is_torn = self._is_torn or start > 0
                    return False
                os.write(self._file, line[start : start + select.PIPE_BUF])
        except OSError:
            # The disk is full, or the reader is gone.
            return False
        self._is_torn = False
        return True


class LogHandler(logging.Handler):
    """Writes records to a LogStream."""

    def __init__(self, stream: LogStream) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            self._stream.write(f"{self.format(record)}\n".encode(errors="backslashreplace"))
        except Exception:  # As in the handlers of Python: a bad record must not stop its caller.
            self.handleError(record)
