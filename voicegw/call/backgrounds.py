"""What the caller should hear under the agent's words and its silence, as the call stands. Pure."""

from collections.abc import Mapping
from typing import Final

from voicegw.call.state import CallState, Phase

HOLD: Final = "hold"
"""The sound of a tool at work: where it plays, no filler is needed."""

BEHIND: Final = "behind"
"""What the agent has repeat behind the conversation."""


def backgrounds_of(state: CallState) -> Mapping[str, str]:
    """Sources by name. A hold sound (of the tool that began last) ends with its turn at the latest; nothing is under a
    bridged call, or one that has ended."""
    if state.bridge is not None or state.phase is Phase.ENDED:
        return {}
    sounds = [sound for _, sound in state.agent.tools if sound.lower().startswith(("https://", "data:"))]
    hold = sounds[-1] if sounds and state.running else ""
    wanted = {HOLD: hold, BEHIND: state.agent.background}
    return {name: source for name, source in wanted.items() if source}
