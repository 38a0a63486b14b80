"""Whether calls are traced at all, where the traces go, and clear words when they cannot.

Imports OpenTelemetry only where tracing is asked for: it is an extra, and starts a thread.
"""

import os
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from voicegw.errors import SettingsError

if TYPE_CHECKING:
    from voicegw.telemetry.call_spans import CallTracer

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def open_tracer(
    endpoint: str = "",
    *,
    own_numbers: Callable[[], Collection[str]] = frozenset,
    environ: Mapping[str, str] | None = None,
) -> "CallTracer | None":
    """A sink that sends one trace of each call to the collector at `endpoint`, or where OpenTelemetry's own variables
    say; None where neither is set, or `OTEL_SDK_DISABLED` or `OTEL_TRACES_EXPORTER=none` forbid it.

    `endpoint` is a base URL, as `http://collector:4318`. Raises `SettingsError` where the extra is not installed, or
    the collector is to be spoken to in another way than OTLP over HTTP. Whoever opens it closes it.
    """
    environ = os.environ if environ is None else environ
    base = endpoint or environ.get(ENDPOINT, "")
    url = environ.get(TRACES_ENDPOINT, "") or (f"{base.rstrip('/')}/v1/traces" if base else "")
    forbidden = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if not url or forbidden or environ.get("OTEL_TRACES_EXPORTER", "").strip() == "none":
        return None
    _expect_http(environ)
    try:
        from voicegw.telemetry.call_spans import CallTracer  # noqa: PLC0415 - see the file's docstring
        from voicegw.telemetry.span_maker import batches_to  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{ENDPOINT} asks for traces at {url}, and OpenTelemetry is not installed ({error.name} is missing). "
            "Install it with `pip install 'voicegw[otel]'`, or unset the variable."
        ) from error
    return CallTracer(batches_to(url), own_numbers)


def _expect_http(environ: Mapping[str, str]) -> None:
    """What the variables of the specification may ask for, and this exporter cannot do."""
    for name in _PROTOCOLS:
        protocol = environ.get(name, "").strip()
        if protocol and protocol != "http/protobuf":
            raise SettingsError(
                f'{name} is "{protocol}", and traces are sent by "http/protobuf" only. '
                "Set it to that or unset it, and use the collector's HTTP port (usually 4318)."
            )
