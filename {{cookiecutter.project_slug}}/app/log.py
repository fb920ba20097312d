"""Logging: one JSON object a line in production, coloured text on a developer's screen."""

import logging
import sys
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

import structlog
from pydantic_core import to_json
from structlog.typing import EventDict, Processor


def configure_logging(level: str, style: Literal["json", "console"]) -> None:
    """Send the log of the service, of uvicorn and of every library to stderr in one style.

    `level` is that of the service's own lines; libraries write from INFO on.

    Everything is logged with `logging`, save the line for each request, which structlog writes by
    itself at a third of the cost.
    """
    if style == "json":
        stamp: Processor = _timestamp
        render: list[Processor] = [structlog.processors.format_exc_info, _json]
    else:
        stamp = structlog.processors.TimeStamper("%H:%M:%S", utc=False)
        render = [_ids_as_text, structlog.dev.ConsoleRenderer(sort_keys=False)]
    common = [structlog.processors.add_log_level, stamp]
    structlog.configure(
        processors=[*common, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                *common,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                _without_color_message,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
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


def _timestamp(_: object, __: str, event: EventDict) -> EventDict:
    event["timestamp"] = datetime.now(UTC)
    return event


def _ids_as_text(_: object, __: str, event: EventDict) -> EventDict:
    return {name: str(value) if isinstance(value, UUID) else value for name, value in event.items()}


def _json(_: object, __: str, event: EventDict) -> str:
    return to_json(event, serialize_unknown=True).decode()
