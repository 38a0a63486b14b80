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
# What makes a terminal do something, begin a line, or turn the writing round.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_OF_LINES = ("exception", "stack")


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
        [show_controls, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if terminal
        else [structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                hide_numbers,
                *last,
            ],
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


def show_controls(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor: a control character is written as what it is ("\\x1b"), and only a traceback has several lines."""
    for key, value in event.items():
        if isinstance(value, str):
            lines = value.split("\n") if key in _OF_LINES else [value]
            event[key] = "\n".join(_CONTROL.sub(_written_out, line) for line in lines)
    return event


def _written_out(control: re.Match[str]) -> str:
    return control[0].encode("unicode_escape").decode()
