"""Audio that cannot be had is no answer: whoever waits for more hears that something is being done."""

from dataclasses import replace
from random import Random
from typing import Any

import agent_server
import pytest

from voicegw.simulator import HangsUp, Hears, Says, ScriptedCaller

World = Any

NOT_AUDIO = "data:audio/wav;base64,AAAA"


@pytest.mark.parametrize(
    "trace",
    [
        {"type": "stream", "payload": {"src": NOT_AUDIO, "token": "t", "action": "PLAY"}},
        {"type": "speak", "payload": {"type": "audio", "src": NOT_AUDIO, "message": ""}},
    ],
)
def test_a_filler_is_said_where_the_first_audio_of_a_slow_turn_cannot_be_played(world: World, trace: Any) -> None:
    def answer(action: Any, _session: Any) -> Any:
        greeting = {"type": "speak", "payload": {"type": "message", "message": "What can I do?"}}
        found = {"type": "speak", "payload": {"type": "message", "message": "Here it is."}}
        match action["type"]:
            case "launch":
                return agent_server.at_once([greeting])
            case "text":
                return agent_server.Answer([(0.5, trace), (6.0, found)])
        return agent_server.at_once([])

    agent = agent_server.AgentServer(answer, Random(1))
    call = replace(world, agent=lambda: agent).call(
        ScriptedCaller([Hears("What can I do"), Says("hours"), Hears("moment"), Hears("Here it is"), HangsUp()])
    )
    assert call.violations() == [], call.explain()
