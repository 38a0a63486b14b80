"""PURE: connection overrides in a webhook URL's fragment, `#ct=2000&rc=3&rp=5xx,ct`.

"fragment excluded from signature"; keys, ranges and defaults are the vendor's "Webhooks connection overrides".
"""

from dataclasses import dataclass
from urllib.parse import unquote, urldefrag

BAD_KEY = 11240
BAD_VALUE = 11241

_POLICIES = frozenset({"4xx", "5xx", "ct", "rt", "all"})
_RANGES = {"ct": (100, 10_000), "rt": (100, 15_000), "tt": (100, 15_000), "rc": (0, 5)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """How one webhook is requested. `retry_on` holds `ct` (connect), `rt` (read), `4xx`, `5xx` or `all`."""

    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    total_seconds: float = 15.0
    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})

    def retries_after(self, kind: str) -> bool:
        """True if a failure of this kind (`ct`, `rt`, `4xx`, `5xx`) is tried again."""
        return kind in self.retry_on or "all" in self.retry_on


def read_overrides(url: str) -> tuple[str, Overrides, tuple[tuple[int, str], ...]]:
    """Split a webhook URL into the URL to request, its overrides, and warnings for what is not one."""
    bare, fragment = urldefrag(url)
    values: dict[str, int] = {}
    retry_on: frozenset[str] | None = None
    warnings: list[tuple[int, str]] = []
    for item in filter(None, fragment.split("&")):
        key, _, raw = item.partition("=")
        raw = unquote(raw)
        if key in _RANGES:
            low, high = _RANGES[key]
            if raw.isdecimal() and low <= int(raw) <= high:
                values[key] = int(raw)
            else:
                warnings.append((BAD_VALUE, f"{key}={raw} is not between {low} and {high}"))
        elif key == "rp":
            retry_on = frozenset(raw.split(","))
            if retry_on - _POLICIES:
                warnings.append((BAD_VALUE, f"rp={raw} is not a list of {', '.join(sorted(_POLICIES))}"))
                retry_on = None
        elif key not in ("sni", "e"):
            warnings.append((BAD_KEY, f"unknown connection override {key!r}"))
    default = Overrides()
    overrides = Overrides(
        connect_seconds=values.get("ct", 5000) / 1000,
        read_seconds=values.get("rt", 15_000) / 1000,
        total_seconds=values.get("tt", 15_000) / 1000,
        retries=values.get("rc", default.retries),
        retry_on=default.retry_on if retry_on is None else retry_on,
    )
    return bare, overrides, tuple(warnings)
