"""Plays a dialogue: a session and an action become the next session and one turn of timed traces.

| action | what it does |
|---|---|
| launch | enters the start state |
| text, message, intent | the rule or button that fits, else the state's `otherwise`, else "not understood" |
| dtmf | the same by key; the n-th button by its number |
| event | rules by event name; an event without a rule makes a silent turn |
| no-reply | the next reprompt, at last the silence's own `goto` |
| a button's request | that button |
| end | the session is over; nothing is said |
| any other | the state's `otherwise`, else a silent turn |

An action in a session that was not launched finds it in the start state, unspoken: so a new session can take
up the input on which the old one expired. Pure: no clock, no I/O.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from voicegw.demo import traces
from voicegw.demo.dialogue import Button, Dialogue, Fault, Rule, State, fill_in
from voicegw.demo.matching import Action, match_action
from voicegw.demo.traces import Trace

# About the speed of a small hosted model: seconds between two pieces of a generated text.
_PIECE_SECONDS = 0.03


@dataclass(frozen=True, slots=True)
class Session:
    """Where one caller is in the dialogue; `state` is None before the launch and after the end."""

    user_id: str
    state: str | None = None
    variables: Mapping[str, object] = field(default_factory=dict)
    reprompts: int = 0
    keypad_set: bool = False
    turns: int = 0
    struck: Mapping[str, int] = field(default_factory=dict)

    def renewed(self) -> "Session":
        """Returns a new session of the same caller: variables and counts persist, the place is lost."""
        return Session(self.user_id, variables=self.variables, turns=self.turns, struck=self.struck)


@dataclass(frozen=True, slots=True)
class Output:
    """A trace and how long after the one before it is sent."""

    delay_seconds: float
    trace: Trace


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer. With a `fault` the outputs are what is sent before it strikes."""

    outputs: tuple[Output, ...] = ()
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """A dialogue ready to be played; `sources` gives the URL of each recording by name."""

    dialogue: Dialogue
    sources: Mapping[str, str] = field(default_factory=dict)

    def take_turn(
        self,
        session: Session,
        action: Action,
        variables: Mapping[str, object] | None = None,
        *,
        completion_events: bool = False,
    ) -> tuple[Session, Turn]:
        """Returns the session after `action` and the turn to send; never raises on what a client sent.

        `variables` are set before the turn runs. With `completion_events` generated words come in pieces.
        """
        known = {**self.dialogue.variables, **session.variables, **(variables or {})}
        session = replace(session, variables=known, turns=session.turns + 1)
        if action.get("type") == "end":
            return replace(session, state=None), Turn()
        before = session
        if session.state is None:
            session = replace(session, state=self.dialogue.start, reprompts=0, keypad_set=False)
        writer = _TurnWriter(self, session, completion_events)
        writer.answer(action)
        if writer.fault is None and not writer.stays:
            return writer.session, Turn(tuple(writer.outputs))
        # A turn that failed did not happen: the caller stays where they were; only the failure is counted.
        return replace(before, struck=writer.session.struck), Turn(tuple(writer.outputs), writer.fault)


class _TurnWriter:
    """Writes one turn: walks through states and collects what they send."""

    def __init__(self, engine: Engine, session: Session, completion_events: bool) -> None:
        self.dialogue = engine.dialogue
        self.sources = engine.sources
        self.session = session
        self.completion_events = completion_events
        self.outputs: list[Output] = []
        self.fault: Fault | None = None
        self.stays = False
        self._wait_seconds = 0.0

    def answer(self, action: Action) -> None:
        """Takes the action that came in."""
        match action.get("type"):
            case "launch":
                self._enter(self.dialogue.start)
            case "no-reply":
                self._reprompt(self._state)
            case _:
                found = match_action(self.dialogue, str(self.session.state), action)
                self._set(found.learned)
                if found.lead:
                    self._follow(found.lead)
                elif found.spoken_to:
                    self._say(self.dialogue.not_understood)
                    self._listen(self._state)

    def _reprompt(self, state: State) -> None:
        silence = state.silence or self.dialogue.silence
        if silence is None:
            return self._listen(state)
        if self.session.reprompts >= len(silence.say):
            return self._enter(silence.goto)
        self._say(silence.say[self.session.reprompts])
        self.session = replace(self.session, reprompts=self.session.reprompts + 1)
        return self._listen(state)

    def _follow(self, lead: Rule | Button) -> None:
        self._assign(lead.assign)
        self._enter(lead.goto)

    def _enter(self, name: str | None) -> None:
        """Enters a state and all that it goes on to (the loader has made sure that this ends)."""
        while name is not None and not self.stays and self.fault is None:
            self.session = replace(self.session, state=name, reprompts=0)
            name = self._perform(self._state)

    def _perform(self, state: State) -> str | None:
        """Does what a state does and returns the one that it goes on to."""
        self._assign(state.assign)
        for words in state.say:
            self._say(words, generated=state.generated)
        if state.tool:
            call_id = self._next_id("call")
            self._send(traces.tool_started(call_id, state.tool.sound))
            self._wait_seconds += state.tool.seconds
            self._send(traces.tool_ended(call_id))
        if state.play:
            source = self.sources.get(state.play.recording, state.play.recording)
            self._send(traces.recording(source, self._fill_in(state.play.words)))
        if state.fault and self._strikes(state.fault):
            return None
        if state.goto:
            return state.goto
        self._close(state)
        return None

    def _close(self, state: State) -> None:
        if state.forward:
            self._send(traces.forwarded(state.forward, self._fill_in(state.forward.to)))
        elif state.realtime:
            self._send(traces.realtime_started())
        elif state.hangup:
            self._send(traces.ended())
            self.session = replace(self.session, state=None)
        else:
            self._listen(state)

    def _listen(self, state: State) -> None:
        """Asks and says how to listen; a keypad setting is sticky, so a state without one takes it back."""
        if not state.listens:
            return
        if state.ask:
            self._say(state.ask)
        if state.buttons:
            self._send(traces.choice(str(self.session.state), state.buttons, self._next_id("choice")))
        if state.keypad:
            self._send(traces.keypad(state.keypad))
        elif self.session.keypad_set:
            self._send(traces.keypad(None, enabled=bool(state.buttons)))
        self.session = replace(self.session, keypad_set=state.keypad is not None)
        if silence := state.silence or self.dialogue.silence:
            self._send(traces.no_reply(silence.after_seconds))

    def _strikes(self, fault: Fault) -> bool:
        """Tells whether the turn ends here in failure; counts the faults that strike so many times only."""
        key = str(self.session.state)
        count = self.session.struck.get(key, 0)
        if fault.times is not None and count >= fault.times:
            return False
        self.session = replace(self.session, struck={**self.session.struck, key: count + 1})
        match fault.kind:
            case "slow":
                self._wait_seconds += fault.lasting_seconds
                return False
            case "empty":
                self.outputs.clear()
                self.stays = True
            case "out-of-credit":
                self.outputs = [Output(0.0, traces.out_of_credit())]
                self.stays = True
            case _:
                self.fault = fault
        return True

    def _say(self, text: str, *, generated: bool = False) -> None:
        words = self._fill_in(text)
        message_id = self._next_id("message")
        if not generated:
            self._send(traces.spoken(words, self.dialogue.channel, message_id, generated=False))
            return
        pieces = list(traces.completion(words, message_id))
        if self.completion_events:
            for piece in pieces:
                self._send(piece)
                self._wait_seconds += _PIECE_SECONDS
        else:
            # Without completion events a generated text is sent when its last word has been written.
            self._wait_seconds += _PIECE_SECONDS * len(pieces)
            self._send(traces.spoken(words, self.dialogue.channel, message_id, generated=True))

    def _send(self, trace: Trace) -> None:
        self.outputs.append(Output(self._wait_seconds, trace))
        self._wait_seconds = 0.0

    def _next_id(self, kind: str) -> str:
        return f"{kind}-{self.session.turns}-{len(self.outputs) + 1}"

    def _fill_in(self, text: str) -> str:
        return fill_in(text, self.session.variables)

    def _assign(self, texts: Mapping[str, str]) -> None:
        self._set({name: self._fill_in(text) for name, text in texts.items()})

    def _set(self, variables: Mapping[str, object]) -> None:
        self.session = replace(self.session, variables={**self.session.variables, **variables})

    @property
    def _state(self) -> State:
        return self.dialogue.states[str(self.session.state)]
