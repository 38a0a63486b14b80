"""Traces of one turn → instructions for the call, trace by trace, so that it works on a stream.

Pure: no clock (its driver decides when text has waited long enough), no network, no carrier. Nothing that an agent
sends makes it raise: what it cannot understand becomes a `Note`.
"""

from collections.abc import Mapping
from typing import assert_never

from voicegw.call.instructions import AgentDown, AwaitPath, BargeIn, Forward, HangUp, HoldSound, Instruction, Note, Say
from voicegw.call.profile import NumberProfile
from voicegw.call.speakable import make_speakable
from voicegw.voiceflow import planner_controls as controls
from voicegw.voiceflow import trace_kinds as kinds
from voicegw.voiceflow import trace_payloads as payloads
from voicegw.voiceflow.custom_actions import HOOKS, Hook
from voicegw.voiceflow.planner_budget import TurnBudget
from voicegw.voiceflow.planner_choices import Choices, read_buttons, read_cards
from voicegw.voiceflow.planner_notes import mentions, note_trace
from voicegw.voiceflow.planner_speech import SpeechPlanner
from voicegw.voiceflow.traces import MalformedTrace, Trace, UnknownTrace

# A lack of credit is HTTP 200 and a `debug` trace: "the recipe only matches that string anywhere in the trace".
_OUT_OF_CREDIT = "credit_limit_reached"
_MAX_TOOLS = 50

SPEAKING_TRACES = (kinds.SpeakTrace, kinds.TextTrace, kinds.CompletionTrace, kinds.AudioTrace)

# After one of these a custom action earlier in the turn cannot have been what the turn stopped for.
_GOING_ON = (
    kinds.SpeakTrace,
    kinds.TextTrace,
    kinds.CompletionTrace,
    kinds.StreamTrace,
    kinds.ChoiceTrace,
    kinds.CardTrace,
    kinds.CarouselTrace,
    kinds.CallForwardTrace,
    kinds.RealtimeAgentTrace,
    kinds.LiveAgentHandoffTrace,
    kinds.GoToTrace,
    kinds.EndTrace,
)


class Planner:
    """Plans one turn. `receive` every trace as it comes, `flush_text` after a pause, `finish` once. Sound is collected
    message by message, `live_sound` given out piece by piece."""

    def __init__(self, profile: NumberProfile, hooks: Mapping[str, Hook] = HOOKS, *, live_sound: bool = False) -> None:
        self._profile = profile
        self._hooks = hooks
        self._barge_in = BargeIn(profile.barge_in)
        self._live_sound = live_sound
        self._speech = SpeechPlanner(
            barge_in=self._barge_in, agent_voice=profile.voice_source == "agent", live_sound=live_sound
        )
        self._budget = TurnBudget()
        self._path: AwaitPath | None = None
        self._tools: dict[str, bool] = {}
        self._buttons_offered = 0
        self._agent_down = False
        self._received = 0
        self._understood = 0

    @property
    def understood(self) -> bool:
        """False for a turn of which nothing could be understood; a turn without a trace is valid and understood."""
        return self._understood > 0 or self._received == 0

    @property
    def text_pending(self) -> bool:
        """Whether something is held back that `flush_text` would give out."""
        return self._speech.pending

    def receive(self, trace: Trace) -> list[Instruction]:
        """What the call has to do now that `trace` has come."""
        self._received += 1
        self._understood += not isinstance(trace, MalformedTrace | UnknownTrace)
        if isinstance(trace, _GOING_ON):
            self._path = None
        return self._budget.admit(self._plan(trace))

    def flush_text(self) -> list[Instruction]:
        """What was held back: no text has come for 1.5 s (its driver's clock says)."""
        return self._budget.admit(self._speech.flush())

    def finish(self, *, clean: bool) -> list[Instruction]:
        """What was held back, at the end of the turn; not `clean`: the answer broke off."""
        out = self._speech.finish(clean=clean)
        out += [HoldSound(tool_id=tool, playing=False) for tool, playing in self._tools.items() if playing]
        self._tools.clear()
        if clean and self._path is not None:
            out.append(self._path)
        return self._budget.admit(out)

    def _plan(self, trace: Trace) -> list[Instruction]:
        match trace:
            case kinds.SpeakTrace() | kinds.TextTrace() | kinds.CompletionTrace() | kinds.AudioTrace():
                return self._plan_speech(trace)
            case kinds.DtmfTrace(payload=keypad):
                return self._speech.add([controls.plan_keypad(keypad, self._profile)])
            case kinds.NoReplyTrace(payload=silence):
                return self._speech.add([controls.plan_silence(silence)])
            case kinds.CallForwardTrace(payload=forward):
                return self._speech.add_message([controls.plan_forward(forward)])
            case kinds.RealtimeAgentTrace(payload=realtime):
                return self._speech.add_message([controls.plan_realtime(realtime)])
            case kinds.GoToTrace(payload=goto):
                return self._speech.add_message([controls.plan_goto(goto)])
            case kinds.StreamTrace(payload=stream):
                return self._plan_stream(stream)
            case kinds.EndTrace():
                return self._speech.add_message([HangUp()])
            case kinds.ToolCallTrace(payload=tool):
                return self._speech.add(self._plan_tool(tool))
            case kinds.LiveAgentHandoffTrace(payload=handoff):
                return self._plan_handoff(handoff)
            case kinds.ChoiceTrace() | kinds.CardTrace() | kinds.CarouselTrace():
                return self._plan_choices(trace)
            case kinds.ChannelActionTrace(payload=action):
                return self._plan_custom(action.name, action.payload, trace.default_event_type)
            case UnknownTrace():
                return self._plan_custom(trace.type, trace.payload, trace.default_event_type)
            case kinds.DebugTrace() if mentions(trace, _OUT_OF_CREDIT):
                return self._plan_out_of_credit()
            case MalformedTrace(type="debug", data=data) if mentions(data, _OUT_OF_CREDIT):
                return self._plan_out_of_credit()
            case MalformedTrace(type=name, reason=reason):
                fields = {"type": name[:100], "reason": reason[:200]}
                return self._speech.add([Note(about="malformed-trace", fields=fields)])
            case _:
                return self._speech.add([note_trace(trace)])

    def _plan_speech(
        self, trace: kinds.SpeakTrace | kinds.TextTrace | kinds.CompletionTrace | kinds.AudioTrace
    ) -> list[Instruction]:
        speech = self._speech
        match trace.payload:
            case payloads.SpeakPayload() as speak:
                named = (speak.model_extra or {}).get("messageID")
                return self._plan_message(speak.message, speak.src, named if isinstance(named, str) else "")
            case payloads.TextPayload() as text:
                source = text.audio.src if text.audio else None
                return self._plan_message(text.message, source, text.message_id or "")
            case payloads.CompletionStart(message_id=message_id):
                return speech.begin_completion(message_id or "")
            case payloads.CompletionContent(content=content):
                return speech.continue_completion(self._budget.read(content))
            case payloads.CompletionEnd():
                return speech.end_completion()
            case payloads.AudioStart(message_id=message_id):
                return speech.begin_sound(message_id or "")
            case payloads.AudioContent(content=content, encoding=encoding):
                return speech.continue_sound(content, encoding)
            case payloads.AudioEnd():
                return speech.end_sound()
            case _:
                assert_never(trace.payload)

    def _plan_message(self, words: str, source: str | None, message_id: str) -> list[Instruction]:
        words = self._budget.read(words)
        if not source:
            return self._speech.say(words, message_id)
        if controls.is_playable(source):
            return self._speech.play(source, words, message_id)
        return [*self._speech.say(words, message_id), Note(about="source-refused")]

    def _say(self, words: str) -> list[Instruction]:
        speech = make_speakable(words)
        return [Say(text=speech.text, ssml=speech.ssml, barge_in=self._barge_in)] if speech.text.strip() else []

    def _plan_choices(self, trace: kinds.ChoiceTrace | kinds.CardTrace | kinds.CarouselTrace) -> list[Instruction]:
        first = self._buttons_offered + 1
        choices: Choices
        match trace:
            case kinds.ChoiceTrace(payload=payload):
                choices = read_buttons(payload.buttons, self._profile, first=first)
            case kinds.CardTrace(payload=card):
                choices = read_cards([card], self._profile, first=first, read=self._budget.read)
            case kinds.CarouselTrace(payload=carousel):
                choices = read_cards(carousel.cards, self._profile, first=first, read=self._budget.read)
            case _:
                assert_never(trace)
        if choices.offer is not None:
            self._buttons_offered += len(choices.offer.buttons)
        if not self._profile.read_buttons:
            return self._speech.add(choices.instructions)
        return self._speech.add_message([*self._say(choices.message), *choices.instructions])

    def _plan_stream(self, payload: payloads.StreamPayload) -> list[Instruction]:
        return self._speech.add_message([controls.plan_stream(payload, self._barge_in, behind=self._live_sound)])

    def _plan_handoff(self, payload: payloads.HandoffPayload) -> list[Instruction]:
        out = self._say(self._budget.read(payload.message))
        if payload.event == "chat_started":
            out.append(Forward(address="", address_type="human"))
        return self._speech.add_message(out or [Note(about="live-agent-handoff", fields={"event": payload.event[:40]})])

    def _plan_tool(self, payload: payloads.ToolCallStart | payloads.ToolCallEnd) -> list[Instruction]:
        tool = payload.call_id
        match payload:
            case payloads.ToolCallStart(sound=sound):
                if tool in self._tools or len(self._tools) >= _MAX_TOOLS:
                    return []
                self._tools[tool] = True
                return [HoldSound(tool_id=tool, playing=True, sound=sound.ref if sound else "")]
            case payloads.ToolCallEnd():
                if not self._tools.get(tool):
                    return []
                self._tools[tool] = False
                return [HoldSound(tool_id=tool, playing=False)]
            case _:
                assert_never(payload)

    def _plan_custom(self, name: str, payload: object, path: str | None) -> list[Instruction]:
        hook = self._hooks.get(name)
        handled = hook(payload, self._profile) if hook else None
        if hook is not None or path is not None:
            self._understood += 1
        self._path = AwaitPath(name=name, request={"type": path}) if path and (not handled or handled.goes_on) else None
        if handled is None:
            return self._speech.add([Note(about="custom-action", fields={"name": name[:100]})])
        if handled.goes_on:
            return self._speech.add([handled.instruction])
        return self._speech.add_message([handled.instruction])

    def _plan_out_of_credit(self) -> list[Instruction]:
        self._understood += 1
        if self._agent_down:
            return []
        self._agent_down = True
        return self._speech.add_message([AgentDown(code="out-of-credit")])
