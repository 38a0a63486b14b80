"""Golden chain: an agent's traces → instructions → plan → TwiML, one `golden/*.xml` for each turn of the planner's.

Each file shows what a caller's webhook is answered with, document after document if one does not hold it all, or what
the agent is asked at once. `VOICEGW_REGENERATE_GOLDEN=1` writes them anew, to be read before they are committed.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import twiml
from voicegw.call.answer import begin_turn, fold, settle
from voicegw.call.inputs import CallParties
from voicegw.call.instructions import Instruction, PlayAudio, PlayRecording, Prompt
from voicegw.call.moves import AskAgent, Line, Perform
from voicegw.call.plan import CallPlan, still_to_do
from voicegw.call.profile import NumberProfile
from voicegw.call.state import CallState, start_call
from voicegw.twilio.performer import render_plan
from voicegw.twilio.prompt_verbs import Setting
from voicegw.voiceflow.planner import Planner
from voicegw.voiceflow.traces import parse_trace

TURNS = sorted((Path(__file__).parents[1] / "voiceflow" / "golden").glob("*.yaml"))
GOLDEN = Path(__file__).parent / "golden"
REGENERATE = os.environ.get("VOICEGW_REGENERATE_GOLDEN") == "1"
FORWARDING = {
    "allow": ["+1", "sip:pbx.example.com", "sip:example.com"],
    "destinations": {"desk": [{"to": "+14155550100"}]},
}
PROFILE = {"number": "+15005550006", "voice": "Polly.Joanna-Neural", "forwarding": {**FORWARDING, "human": "desk"}}


def instructions_of(turn: dict[str, Any], profile: NumberProfile) -> tuple[list[Instruction], bool]:
    """What the planner makes of a turn, and whether its answer was whole."""
    planner = Planner(profile)
    out: list[Instruction] = []
    for trace in turn["traces"]:
        match trace:
            case "pause":
                out += planner.flush_text()
            case "cut off":
                return out + planner.finish(clean=False), False
            case _:
                out += planner.receive(parse_trace(trace))
    return out + planner.finish(clean=True), True


def reachable(prompt: Prompt) -> Prompt:
    """As `served_audio` does, with a name that does not change."""
    url = "https://g.example/twilio/audio/TOKEN.wav"
    match prompt:
        case PlayRecording(instead=instead, barge_in=barge_in):
            return PlayAudio(source=url, instead=instead, barge_in=barge_in)
        case PlayAudio(source=source) if source.startswith("data:"):
            return replace(prompt, source=url)
        case _:
            return prompt


def documents(state: CallState, profile: NumberProfile, plan: CallPlan) -> list[str]:
    written = []
    plan = replace(plan, prompts=tuple(reachable(prompt) for prompt in plan.prompts))
    while True:
        step_url = f"https://g.example/twilio/step/{state.turn}/{len(written) + 1}"
        language = state.agent.language or profile.language
        setting = Setting(step_url=step_url, voice=profile.voice, own_language=profile.language, language=language)
        document = render_plan(plan, setting)
        assert twiml.check(document.response) == () or "twiml" in str(plan.then)
        written.append(twiml.render(document.response).replace("><", ">\n<"))
        then = still_to_do(plan.then, complete=document.complete)
        if document.complete or then is None:
            return written
        plan = CallPlan(prompts=document.unsaid, then=then)


def answer(path: Path) -> str:
    turn = yaml.safe_load(path.read_text(encoding="utf-8"))
    profile = NumberProfile.model_validate({**PROFILE, **turn["profile"]})
    parties = CallParties(caller_number="+14155550123", called_number="+15005550006")
    state = replace(begin_turn(start_call("CA1", parties, user_id="u", started_at=0.0)), launched=True)
    instructions, whole = instructions_of(turn, profile)
    state, prompts = fold(state, instructions)
    line = Line(profile, frozenset({"+15005550006"}))
    state, move = settle(state, line, prompts, over=True, failure="" if whole else "agent-broke")
    match move:
        case Perform(plan=plan):
            return "\n<!-- and then -->\n".join(documents(state, profile, plan)) + "\n"
        case AskAgent(heard=heard):
            said = "".join(f"\n  {getattr(prompt, 'text', prompt)}" for prompt in state.unsaid)
            return f"<!-- asks the agent: {heard}\n  and then says:{said or ' nothing'} -->\n"
        case _:
            raise AssertionError(f"a turn that is over awaits nobody: {move}")


@pytest.mark.parametrize("path", TURNS, ids=[path.stem for path in TURNS])
def test_traces_become_this_twiml(path: Path) -> None:
    found, golden = answer(path), GOLDEN / f"{path.stem}.xml"
    if REGENERATE:
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


def test_no_golden_answer_is_left_without_its_turn() -> None:
    assert {path.stem for path in GOLDEN.glob("*.xml")} == {path.stem for path in TURNS}
