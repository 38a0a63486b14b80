"""JSON as agents really write it: read without strictness, but within bounds. Pure."""

from __future__ import annotations

import json

MAX_DEPTH = 100
_LENIENT = json.JSONDecoder(strict=False, parse_constant=lambda _: None)


def parse_json(text: str) -> object:
    """Read JSON that may hold raw control characters in strings, and half an emoji.

    Lone surrogates are dropped, since nothing downstream could encode them; NaN and Infinity, which are no
    JSON, become null. Raises ValueError for anything else that is no JSON, or is nested more than `MAX_DEPTH` deep.
    """
    # Voiceflow's recipe: "trace payload strings can carry raw control characters that strict JSON parsers reject".
    try:
        value: object = _LENIENT.decode(text)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    # UTF-8 holds no surrogates: they come from escapes only, as when a token ends inside an emoji.
    if "\\ud" in text or "\\uD" in text:
        return _mend_surrogates(value)
    return value


def _depth(value: object) -> int:
    depth = 0
    level = [value]
    while level:
        depth += 1
        level = [
            child
            for container in level
            if isinstance(container, (dict, list))
            for child in (container.values() if isinstance(container, dict) else container)
        ]
    return depth


def _mend_surrogates(value: object) -> object:
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore"))
