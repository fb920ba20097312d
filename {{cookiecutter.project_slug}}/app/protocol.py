"""uvicorn's HTTP protocol, with limits on what a client may send and how long it may take."""

import time
from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 65_536
"""The longest request line with headers. With httptools, uvicorn has no limit of its own."""
SECONDS_TO_RECEIVE = 30
"""How long a client may take to send the request line and the headers."""
BYTES_PER_SECOND = 500
"""Once the headers are complete, a client gets one more second for this many bytes received."""

REFUSALS = {
    408: b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    431: b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n",
}


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a request line and headers of more than 64 KiB with 431.

    Refuses with 408 a request whose line and headers are incomplete after 30 seconds, or whose body is
    incomplete after one more second for each 500 bytes received. So a client that sends slowly, or
    stops, cannot hold a connection forever.
    """

    _received = 0
    """The bytes of the request that is being received."""
    _receiving = False
    _head_is_complete = False
    _began = 0.0
    _deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Limit the time until the first byte to that of the request line and the headers."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            SECONDS_TO_RECEIVE, self.timeout_keep_alive_handler
        )

    def data_received(self, data: bytes) -> None:
        """Parse the data, and set a deadline for the rest of the request."""
        self._received += len(data)
        super().data_received(data)
        if not self._receiving:
            self._forget_deadline()
        elif not self._head_is_complete and self._received > MAX_HEAD_BYTES:
            self._refuse(431)
        elif self._deadline is None and not self.transport.is_closing():
            self._began = time.monotonic()
            self._deadline = self.loop.call_later(SECONDS_TO_RECEIVE, self._check_progress)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._forget_deadline()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._receiving, self._head_is_complete = True, False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Pass the request on, unless its request line and headers are too long."""
        self._head_is_complete = True
        if self._head_bytes() > MAX_HEAD_BYTES:
            self._refuse(431)
            raise ValueError("the request line and headers are too long")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request; another may follow in the same bytes."""
        self._receiving, self._received = False, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse data that is not HTTP."""
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _check_progress(self) -> None:
        """End a request that is too slow, or check again when its time is up."""
        allowed = SECONDS_TO_RECEIVE + self._received / BYTES_PER_SECOND
        left = self._began + allowed - time.monotonic()
        if self._head_is_complete and left > 0:
            self._deadline = self.loop.call_later(left, self._check_progress)
        else:
            self._refuse(408)

    def _refuse(self, status: int) -> None:
        """Close the connection, with a response if none has begun."""
        self._forget_deadline()
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(REFUSALS[status])
        self.transport.close()

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
