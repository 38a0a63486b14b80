"""Logs to standard error: for people in a terminal, as JSON lines otherwise. Telephone numbers never get through."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.types import Processor

# Call ids hold long runs of digits too, but no plus sign.
_NUMBER = re.compile(r"\+[0-9][0-9 ().-]{4,}[0-9]")


def configure_logs(*, level: int = logging.INFO) -> None:
    """Send all logs, the libraries' too, to standard error."""
    terminal = sys.stderr.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if terminal else "iso", utc=not terminal),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    # A traceback is plain: the coloured one shows local variables, and those hold what callers say.
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if terminal
        else [structlog.processors.JSONRenderer()]
    )
    if not terminal:
        last.insert(0, structlog.processors.format_exc_info)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last[:-1], hide_numbers, last[-1]],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("uvicorn", "asyncio", "aiohttp", "twilio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def hide_numbers(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor: whatever a log line says, a telephone number in it becomes "+…"."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _NUMBER.sub("+…", value)
    return event
