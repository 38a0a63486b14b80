"""The parameters that routes share, strict: what the API's description does not allow is refused, not guessed at."""

import re
from datetime import date, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import BeforeValidator, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from voicegw.api.answers import SID
from voicegw.api.rendering import CURSOR_PATTERN

MAX_PAGE = 200
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT_SCHEMA = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}


def _written_out(value: object) -> object:
    """Pydantic takes bare numbers for epoch seconds or milliseconds, whichever seem to fit."""
    if isinstance(value, str) and _DAY.match(value) is None:
        raise ValueError("write it as 2026-11-23T08:00:00Z")
    return value


def _day_alone(value: object) -> object:
    if isinstance(value, str) and _DAY.fullmatch(value) is None:
        raise ValueError("write it as 2026-11-23")
    return value


Sid = Annotated[str, Path(pattern="^[A-Za-z0-9]{1,64}$", description="The call's SID.", examples=[SID])]
Number = Annotated[str, Query(max_length=128, description="A phone number or SIP address.", examples=["+15005550006"])]
Twiml = Annotated[bool, Query(description="With what the carrier was told each time.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
# none of these may be sent as null: what is not meant is left out
Instant = Annotated[datetime, BeforeValidator(_written_out), WithJsonSchema(_INSTANT_SCHEMA)] | SkipJsonSchema[None]
Day = Annotated[date, BeforeValidator(_day_alone)] | SkipJsonSchema[None]
Cursor = Annotated[str, Query(pattern=CURSOR_PATTERN)] | SkipJsonSchema[None]
