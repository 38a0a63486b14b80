"""Logs to standard error: for people in a terminal, as JSON lines otherwise. What may stand in them: `log_fields`."""

import logging
import sys
import threading

import structlog
from structlog.types import Processor

from voicegw.cli.log_fields import describe_exception, forget_futures, guard_fields, lead_with_what_happened

OURS = "voicegw"


def configure_logs(*, level: int = logging.INFO) -> None:
    """Send all logs, the libraries' too, to standard error, and there the last words of threads that die.

    `level` is for ours: libraries that tell all they do tell what callers said too, so they only ever warn.
    """
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
    last: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer(sort_keys=False, allow_nan=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(describe_exception),
                forget_futures,
                guard_fields,
                lead_with_what_happened,
                last,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger(OURS).setLevel(level)
    threading.excepthook = _tell_of_thread


def _tell_of_thread(end: threading.ExceptHookArgs) -> None:
    """Python's own way would write the exception's words to standard error."""
    error = end.exc_value
    if error is not None:
        structlog.get_logger(__name__).error(
            "a thread broke down",
            thread=getattr(end.thread, "name", ""),
            exc_info=(type(error), error, error.__traceback__),
        )
