"""Random callers against random agents: whatever both do, the laws of a call hold after every step.

The machine plays the driver (`turns`): it asks, waits, performs, writes the state down and reads it back.
"""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from voicegw.call.answer import begin_turn, fold, settle
from voicegw.call.conduct import is_escape
from voicegw.call.inputs import (
    CallerInput,
    CallParties,
    EventRaised,
    ForwardEnded,
    ForwardOrdered,
    ForwardOutcome,
    HangUpOrdered,
    HungUp,
    Order,
    Pressed,
    RequestReturned,
    Said,
    Started,
    StayedSilent,
)
from voicegw.call.instructions import (
    AgentDown,
    AwaitPath,
    BargeIn,
    Button,
    Collect,
    Forward,
    HangUp,
    HoldSound,
    Instruction,
    LegacyKeypad,
    Note,
    OfferButtons,
    Overdue,
    PlayAudio,
    ReturnRequest,
    Say,
    SessionOpened,
    SetBargeIn,
    SetRecognition,
    SetSensitive,
    SilenceTimeout,
    SpliceTwiml,
    StartRealtime,
)
from voicegw.call.moves import AskAgent, AwaitAgent, Line, Move, Perform, keypad_in_force
from voicegw.call.orders import hear_with_orders, object_to, place
from voicegw.call.plan import BridgeRealtime, CallPlan, DialLeg, Finish, GoOn, Listen, still_to_do
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.call.state import CallState, Phase, dump_state, load_state, start_call

DESK = (Destination(to="+14155550100"), Destination(to="+14155550101"))
ALLOWED = {"+14155550100", "+14155550101", "+14155550199"}
PROFILES = [
    NumberProfile(),
    NumberProfile(
        escape_key="0",
        escape_words=("operator",),
        fallback=(Destination(to="+14155550199"),),
        forwarding=Forwarding(destinations={"desk": DESK}, human="desk"),
    ),
    NumberProfile(
        forwarding=Forwarding(destinations={"desk": DESK}, on_failure="nothing", after_forward="agent"),
        failures_before_fallback=1,
    ),
]
ORDERED = EventRaised(name="ordered")
WORDS = st.sampled_from(["yes", "no", "operator", "book", " "])
INSTRUCTIONS = st.lists(
    st.one_of(
        st.builds(Say, text=st.sampled_from(["Hello.", "Which one?"]), barge_in=st.sampled_from(BargeIn)),
        st.just(PlayAudio(source="https://a.example/b.wav")),
        st.builds(
            Collect,
            enabled=st.booleans(),
            gap_seconds=st.sampled_from([0.0, 2.0]),
            delimiters=st.sampled_from([(), ("#",), ("#", "*")]),
            max_digits=st.integers(1, 4),
        ),
        st.builds(SilenceTimeout, seconds=st.floats(0, 30)),
        st.just(OfferButtons(buttons=(Button(name="Book"), Button(name="Cancel")))),
        st.builds(SetBargeIn, barge_in=st.sampled_from(BargeIn)),
        st.just(SetRecognition(language="de-DE")),
        st.builds(SetSensitive, sensitive=st.booleans()),
        st.just(SessionOpened(session_key="k", user_id="u")),
        st.just(LegacyKeypad()),
        st.just(AwaitPath(name="pay", request={"type": "p"})),
        st.just(Note(about="block")),
        st.builds(HoldSound, tool_id=st.just("t"), playing=st.booleans()),
        st.sampled_from(
            [
                HangUp(),
                Forward(address="desk"),
                Forward(address="+9005550100"),
                Forward(address="", address_type="human"),
                ReturnRequest(request={"type": "x"}),
                StartRealtime(input_encoding="a", output_encoding="b"),
                SpliceTwiml(document="<Response/>"),
                AgentDown(code="credit"),
            ]
        ),
    ),
    max_size=4,
)
# most turns end nobody's call: endings are one of fourteen kinds above


class Call(RuleBasedStateMachine):
    """One call. `pending` is the plan that the carrier carries out now; None while the agent is awaited."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line(PROFILES[0])
        self.state = start_call(
            "CA1",
            CallParties(caller_number="+14155550123", called_number="+15005550006"),
            user_id="u",
            started_at=0.0,
        )
        self.plan: CallPlan | None = None
        self.turn_runs = False
        self.turns = 0

    @rule(profile=st.sampled_from(PROFILES), realtime=st.booleans())
    @precondition(lambda self: self.turns == 0)
    def ring(self, profile: NumberProfile, realtime: bool) -> None:
        self.line = Line(profile, frozenset({"+15005550006"}), realtime=realtime)
        self.follow(self.state, AskAgent(Started()))

    @rule(text=WORDS)
    @precondition(lambda self: self.can_hear())
    def speak(self, text: str) -> None:
        self.webhook(Said(text=text))

    @rule(keys=st.text("0123456789*#", min_size=1, max_size=5), ended_by=st.sampled_from(["", "#"]))
    @precondition(lambda self: self.can_hear())
    def press(self, keys: str, ended_by: str) -> None:
        self.webhook(Pressed(keys=keys, ended_by=ended_by))

    @rule()
    @precondition(lambda self: self.can_hear())
    def say_nothing(self) -> None:
        self.webhook(StayedSilent())

    @rule(heard=st.sampled_from([EventRaised(name="paid"), RequestReturned(request={"type": "r"})]))
    @precondition(lambda self: self.can_hear())
    def event(self, heard: CallerInput) -> None:
        self.webhook(heard)

    @rule(order=st.sampled_from([ORDERED, ForwardOrdered(address="desk"), HangUpOrdered()]))
    @precondition(lambda self: self.turns > 0)
    def order(self, order: Order) -> None:
        if object_to(self.state, self.line, order) is None:
            self.state = place(self.state, order)

    @rule()
    @precondition(lambda self: self.can_hear())
    def interrupt(self) -> None:
        """The carrier comes for an order, whether one still waits or another webhook has taken it."""
        self.webhook(None)

    @rule(outcome=st.sampled_from(ForwardOutcome), bridged=st.none() | st.booleans())
    @precondition(lambda self: self.plan is not None and isinstance(self.plan.then, DialLeg))
    def leg_ends(self, outcome: ForwardOutcome, bridged: bool | None) -> None:
        self.webhook(ForwardEnded(outcome=outcome, bridged=bridged))

    @rule(instructions=INSTRUCTIONS, over=st.booleans(), failure=st.sampled_from(["", "", "", "agent-broke"]))
    @precondition(lambda self: self.turn_runs)
    def agent_answers(self, instructions: list[Instruction], over: bool, failure: str) -> None:
        self.agent_brings(tuple(instructions), over, failure if over else "")

    @rule()
    @precondition(lambda self: self.turn_runs and not self.state.overdue)
    def agent_is_too_slow(self) -> None:
        self.agent_brings((Overdue(),), False, "")

    @rule()
    @precondition(lambda self: self.turns > 0)
    def hang_up(self) -> None:
        self.webhook(HungUp())
        assert self.state.phase is Phase.ENDED

    def can_hear(self) -> bool:
        return self.plan is not None

    def webhook(self, heard: CallerInput | None) -> None:
        before, self.plan = self.state, None
        state, move = hear_with_orders(before, self.line, heard)
        self.no_event_is_lost(before, state, move)
        if heard is not None and not any(isinstance(order, ForwardOrdered) for order in before.orders):
            self.no_key_is_lost_or_sent_twice(before, heard, state, move)
        self.follow(state, move)

    def no_event_is_lost(self, before: CallState, after: CallState, move: Move) -> None:
        """Each event that was ordered waits, or is asked now, or the call is over."""
        if after.phase is Phase.ENDED:
            return
        asked = 1 if isinstance(move, AskAgent) and move.heard == ORDERED else 0
        assert _events(after) + asked == _events(before)

    def no_key_is_lost_or_sent_twice(self, before: CallState, heard: CallerInput, after: CallState, move: Move) -> None:
        """Each key is sent, kept, or the delimiter of what is sent, unless there is a reason to drop it."""
        keypad = keypad_in_force(before, self.line.profile)
        pressed = heard.keys + (heard.ended_by or "") if isinstance(heard, Pressed) else ""
        dropped_with_the_call = after.phase is Phase.ENDED
        dropped_for_a_human = is_escape(before, self.line, heard)
        if dropped_with_the_call or dropped_for_a_human:
            return
        if not keypad.enabled or (before.entry_full and pressed in keypad.delimiters):
            pressed = ""
        stream = before.keys_kept + pressed
        if isinstance(move, AskAgent) and isinstance(move.heard, Pressed):
            sent = move.heard.keys
            assert stream.startswith(sent)
            assert stream.endswith(after.keys_kept)
            assert stream[len(sent) : len(stream) - len(after.keys_kept)] in ("", *keypad.delimiters)
        elif keypad.gap_seconds == 0 and before.phase is Phase.LISTENING and not after.keys_kept:
            pass  # the no-reply time has passed: what was typed is dropped, and it is a no-reply
        else:
            assert after.keys_kept == stream

    def agent_brings(self, instructions: tuple[Instruction, ...], over: bool, failure: str) -> None:
        """The turn goes on. Only where a webhook waits for it does anything follow."""
        if self.plan is not None and self.state.phase is not Phase.THINKING:
            return  # late, or left behind: nobody waits
        state, prompts = fold(self.state, instructions)
        state, move = settle(state, self.line, prompts, over=over, failure=failure, waited_seconds=30.0)
        if over:
            self.turn_runs = False
        self.follow(state, move)

    def follow(self, state: CallState, move: Move) -> None:
        for _ in range(10):
            match move:
                case AskAgent(heard=heard):
                    assert not (self.turn_runs and not state.gave_up and state.phase is Phase.THINKING), "two turns"
                    if isinstance(heard, Pressed):
                        assert heard.keys, "an entry of no keys"
                    state = begin_turn(replace(state, happened=()), heard)
                    self.turns += 1
                    self.turn_runs = True
                    self.state, self.plan = state, None
                    return
                case AwaitAgent(otherwise=None):
                    self.state = state
                    if not self.turn_runs:
                        state, move = settle(state, self.line, (), over=True, failure="turn-lost")
                        continue
                    return
                case AwaitAgent(otherwise=(after, perform)):
                    state, move = after, perform
                case Perform(plan=plan):
                    self.perform(state, plan)
                    return
        raise AssertionError("the call went round in circles")

    def perform(self, state: CallState, plan: CallPlan) -> None:
        """As the driver does; every other document takes only half of what is to be said."""
        said, unsaid = plan.prompts, ()
        if len(plan.prompts) > 1 and state.step % 2:
            said, unsaid = plan.prompts[:1], plan.prompts[1:]
        complete = not unsaid
        after = still_to_do(plan.then, complete=complete)
        self.state = replace(state, step=state.step + 1, unsaid=unsaid, after=after, happened=())
        self.plan = CallPlan(prompts=said, then=plan.then if complete else GoOn(hearing=_hearing(plan)))

    @invariant()
    def it_survives_being_written_down(self) -> None:
        assert load_state(dump_state(self.state)) == self.state

    @invariant()
    def listening_always_has_a_finite_silence(self) -> None:
        if self.plan is not None and isinstance(self.plan.then, Listen):
            assert 0 <= self.plan.then.silence_seconds <= 86400

    @invariant()
    def the_phase_fits_what_the_carrier_does(self) -> None:
        if self.plan is None or self.state.after is not None:
            return
        match self.plan.then:
            case Listen():
                assert self.state.phase is Phase.LISTENING
            case DialLeg():
                assert self.state.phase is Phase.FORWARDING
            case Finish():
                assert self.state.phase is Phase.ENDED
            case GoOn():
                assert self.state.phase is Phase.THINKING
            case BridgeRealtime(start=start):
                assert self.state.phase is Phase.THINKING
                assert self.state.bridge == start

    @invariant()
    def only_what_the_operator_allows_is_dialled(self) -> None:
        if self.plan is not None and isinstance(self.plan.then, DialLeg):
            assert self.plan.then.leg.address in ALLOWED
            assert self.state.forward.attempts <= 4

    @invariant()
    def keys_that_are_ignored_are_not_kept(self) -> None:
        if not keypad_in_force(self.state, self.line.profile).enabled:
            assert self.state.keys_kept == ""

    @invariant()
    def after_the_end_there_is_only_the_end(self) -> None:
        if self.state.phase is Phase.ENDED and self.plan is not None and self.state.after is None:
            assert isinstance(self.plan.then, Finish)
            assert self.state.queued == ()

    @invariant()
    def a_listening_call_has_nothing_in_its_queue(self) -> None:
        if self.plan is not None and isinstance(self.plan.then, Listen) and not self.state.running:
            assert self.state.queued == ()

    @invariant()
    def hops_end(self) -> None:
        assert self.state.hops <= 4


def _events(state: CallState) -> int:
    return sum(waiting == ORDERED for waiting in (*state.orders, *state.queued))


def _hearing(plan: CallPlan) -> object:
    return getattr(plan.then, "hearing", None)


TestCall = Call.TestCase
TestCall.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
