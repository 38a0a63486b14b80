"""How a Python field is spelt on Voiceflow's wire. Pure."""

from __future__ import annotations

_ABBREVIATIONS = {"id": "ID", "ai": "AI"}


def wire_name(field: str) -> str:
    """Spell a snake_case field as the contract does: `message_id` → `messageID`, `image_url` → `imageUrl`."""
    first, *rest = field.split("_")
    return first + "".join(_ABBREVIATIONS.get(word, word.capitalize()) for word in rest)
