"""What the service logs, and in which form.

Decides which keys may appear: those listed here and no others, so that nothing private gets into a
log by way of a helpful argument. Of an exception only its type and place are written: the text of a
database error quotes the row that it refused.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

#: Keys of ``extra`` that reach the log.
ALLOWED = frozenset(
    {
        "action", "attempts", "code", "command", "command_id", "count", "county_id", "duration_ms",
        "error", "exit", "failures", "hash", "job", "kind", "known_seq", "late_s", "link", "method",
        "name", "node", "operation", "path", "pause_s", "reason", "recipient", "request_id", "role",
        "rows", "seq", "state", "status", "subject", "task", "template", "version", "work",
    }
)  # fmt: skip


def configure(level: str, form: str, to: TextIO | None = None) -> None:
    """Send all logging of the process to ``to`` (``None`` = standard error).

    Args:
        level: debug, info, warning, error.
        form: ``json``, one object per line, or ``text``.
    """
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=ALLOWED),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _place_of_fault,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, timestamp_key="at")
    )
    handler = logging.StreamHandler(to or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Libraries that log addresses, query strings or each request.
    for name in ("uvicorn.access", "httpx", "httpcore", "websockets", "asyncio"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _place_of_fault(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    found = event.pop("exc_info", None)
    if not found:
        return event
    error = found[1] if isinstance(found, tuple) else found
    if not isinstance(error, BaseException):
        error = sys.exc_info()[1]
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        event["fault"] = type(error).__qualname__
        event["at_lines"] = [f"{f.filename}:{f.lineno} {f.name}" for f in frames[-8:]]
    return event
