"""Traces as the OpenAPI writes them, one function for each kind that a dialogue can send.

Pure. Written from the contract alone, not with the gateway's own models: the agent must not share the code
that its answers are to check.
"""

from collections.abc import Iterator, Sequence

from voicegw.demo.dialogue import Button, Forward, Keypad

Trace = dict[str, object]

# Key presses in quick succession: 2 s is the vendor's own default gap.
_ONE_KEY = Keypad(max_digits=1, gap_seconds=2)


def spoken(words: str, channel: str, message_id: str, *, generated: bool) -> Trace:
    """Returns the trace for words said at once: `speak` from a voice project, `text` from a chat project."""
    if channel == "voice":
        return {"type": "speak", "payload": {"type": "message", "message": words, "ai": generated}}
    slate = {"id": message_id, "content": [{"children": [{"text": words}]}]}
    payload = {"message": words, "slate": slate, "messageID": message_id, "delay": 0, "ai": generated}
    return {"type": "text", "payload": payload}


def completion(words: str, message_id: str) -> Iterator[Trace]:
    """Yields the completion traces for words as a language model writes them: start, pieces, end."""
    yield {"type": "completion", "payload": {"state": "start", "messageID": message_id, "ai": True}}
    for piece in _pieces(words):
        yield {"type": "completion", "payload": {"state": "content", "content": piece}}
    yield {"type": "completion", "payload": {"state": "end"}}


def _pieces(words: str, size: int = 7) -> Iterator[str]:
    """Cuts text without regard to words, as a model's tokens do; joined they are the text again."""
    return (words[begin : begin + size] for begin in range(0, len(words), size))


def recording(source: str, words: str) -> Trace:
    """Returns the `speak` trace that plays `source` (an https or data URL)."""
    return {"type": "speak", "payload": {"type": "audio", "message": words, "src": source}}


def tool_started(call_id: str, sound: str | None) -> Trace:
    """Returns the start of a tool call."""
    payload: Trace = {"state": "start", "callID": call_id}
    if sound is not None:
        payload["sound"] = {"ref": sound}
    return {"type": "tool-call", "payload": payload}


def tool_ended(call_id: str) -> Trace:
    """Returns the end of a tool call."""
    return {"type": "tool-call", "payload": {"state": "end", "callID": call_id}}


def button_request(state: str, number: int, button: Button) -> Trace:
    """Returns the request that a client sends back, verbatim, when the caller chose this button."""
    return {"type": f"path-{state}-{number}", "payload": {"label": button.label}}


def choice(state: str, buttons: Sequence[Button], message_id: str) -> Trace:
    """Returns the `choice` trace that offers `buttons`."""
    offered = [
        {"name": button.label, "request": button_request(state, number, button)}
        for number, button in enumerate(buttons, start=1)
    ]
    return {"type": "choice", "payload": {"buttons": offered, "messageID": message_id}}


def keypad(settings: Keypad | None, *, enabled: bool = True) -> Trace:
    """Returns the `dtmf` trace: how keys are collected from now on; without settings, one key at a time."""
    settings = settings or _ONE_KEY
    payload = {
        "enabled": enabled,
        "timeoutInSeconds": settings.gap_seconds,
        "delimiter": list(settings.delimiter),
        "maxDigits": settings.max_digits,
    }
    return {"type": "dtmf", "payload": payload}


def no_reply(seconds: float) -> Trace:
    """Returns the `no-reply` trace: the client owns the timer and sends `no-reply` when it ran out."""
    return {"type": "no-reply", "payload": {"timeout": seconds}}


def forwarded(target: Forward, address: str) -> Trace:
    """Returns the `call-forward` trace to `address`."""
    payload: Trace = {"addressType": target.address_type, "address": address}
    if target.extension is not None:
        payload["extension"] = target.extension
    if target.caller_id_passthrough is not None:
        payload["callerIDPassthrough"] = target.caller_id_passthrough
    return {"type": "call-forward", "payload": payload}


def realtime_started() -> Trace:
    """Returns the start of a speech-to-speech agent, asking for the telephone's own sound both ways."""
    telephone = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
    return {
        "type": "realtime-agent",
        "payload": {"action": "START", "input": dict(telephone), "output": dict(telephone)},
    }


def out_of_credit() -> Trace:
    """Returns what an account without credit sends: HTTP 200 and this one line, which no caller hears."""
    return {"type": "debug", "payload": {"level": "error", "message": "credit_limit_reached"}}


def ended() -> Trace:
    """Returns the end of the conversation (not the end of the event stream)."""
    return {"type": "end", "payload": None}
