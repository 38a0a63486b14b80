"""What a failure that was told on a call is a sign of: its code, part and reason → an ailment. Pure."""

import re

from voicegw.call import ailments
from voicegw.call.ailments import Ailment
from voicegw.call.records import Failed

_LONGEST_QUOTE = 90
_STATUS = re.compile(r"\(([1-5][0-9]{2})\b")
_ANSWERED = re.compile(r"[^(]*\(([1-5][0-9]{2}\b.*)\)", re.DOTALL)


def ailment_of(failed: Failed, *, unreadable: bool = False) -> Ailment:
    """What a failure is a sign of. `unreadable`: traces of its turn could not be read."""
    match failed.part:
        case "carrier":
            return ailments.ANSWER_UNUSABLE
        case "store" if failed.code == "recording-failed":
            return ailments.RECORDING_FAILED
        case "store":
            return ailments.STORE_FAILED
        case "prompt":
            return ailments.PROMPT_FAILED
        case _ if failed.code == "agent-not-configured":
            return _not_configured(failed.reason)
        case _ if failed.code == "agent-broke" and (unreadable or _tells_of_form(failed.reason)):
            return ailments.UNREADABLE
        case _:
            return ailments.OF_FAILURES.get(failed.code, _unknown(failed))


def detail_of(failed: Failed) -> str:
    """What a failure tells beyond its ailment, in brackets; empty where that is nothing."""
    number = failed.code.removeprefix("carrier-") if failed.part == "carrier" else ""
    answered = _ANSWERED.fullmatch(failed.reason)
    told = answered[1] if answered else failed.reason or (f"error {number}" if number.isdecimal() else "")
    return f" ({shortened(told)})" if told else ""


def shortened(text: str) -> str:
    """In one line, and not too long for a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_QUOTE else f"{line[: _LONGEST_QUOTE - 1]}…"


def status_in(reason: str) -> str:
    """The HTTP status that a failure's reason names, as text; empty where it names none."""
    found = _STATUS.search(reason)
    return found[1] if found else ""


def _not_configured(reason: str) -> Ailment:
    match status_in(reason):
        case "401" | "403":
            return ailments.KEY_REFUSED
        case "402":
            return ailments.OUT_OF_CREDIT
        case "":
            return ailments.OUT_OF_CREDIT if "out-of-credit" in reason else ailments.AGENT_DOWN
        case status if status.startswith("3"):
            return ailments.AGENT_MOVED
        case _:
            return ailments.AGENT_NOT_FOUND


def _tells_of_form(reason: str) -> bool:
    return any(words in reason for words in ("understood", "not JSON", "no list of traces", "no session key"))


def _unknown(failed: Failed) -> Ailment:
    """A failure that a later version made has at least its own code."""
    who = "The gateway itself" if failed.part == "gateway" else "The agent"
    return Ailment(
        failed.code or "unknown", f"{who} failed in {{turn}} ({{code}}){{detail}}", ailments.GATEWAY_FAILED.advice
    )
