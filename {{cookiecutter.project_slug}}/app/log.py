"""Logging: one JSON object a line in production, coloured text on a developer's screen."""

import logging
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor


def configure_logging(level: str, style: Literal["json", "console"]) -> None:
    """Send the log of the service, of uvicorn and of every library to stderr in one style.

    `level` is that of the service's own lines; libraries write from INFO on.
    """
    stamps: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        _without_color_message,
    ]
    rendering: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if style == "json"
        else [structlog.dev.ConsoleRenderer(sort_keys=False)]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=stamps,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("app").setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # The service writes a line for each request itself, with who called.
    logging.getLogger("uvicorn.access").disabled = True
    # These write a line for each request of their own; one writes tokens that it cannot read.
    logging.getLogger("fastapi_azure_auth").setLevel(logging.CRITICAL)
    logging.getLogger("httpx2").setLevel(logging.WARNING)


def _without_color_message(_: object, __: str, event: EventDict) -> EventDict:
    """Drop the copy of the message that uvicorn adds for terminals."""
    event.pop("color_message", None)
    return event
