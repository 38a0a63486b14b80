"""Orders from outside into a live call: which of them are taken on, and what the call does about them. Pure.

An order waits in the call's state until a webhook of the call comes. Then:

    hang-up   before anything else: a goodbye, and the end
    forward   before anything the caller does now; by the same policy as the agent's own forwards
    event     after what the caller does now; queued while a turn runs, else it begins the next one
"""

from voicegw.call.conduct import hear
from voicegw.call.forward_conduct import begin_forward
from voicegw.call.forwarding import Refusal, decide_forward
from voicegw.call.inputs import (
    CallerInput,
    EventRaised,
    ForwardEnded,
    ForwardOrdered,
    HangUpOrdered,
    HungUp,
    Order,
    StayedSilent,
)
from voicegw.call.instructions import Forward
from voicegw.call.moves import AskAgent, AwaitAgent, Line, Move, Perform, listen, own_words
from voicegw.call.phrases import PhraseName
from voicegw.call.plan import CallPlan, Finish, HandOver
from voicegw.call.revising import revise
from voicegw.call.state import CallState, Phase, finish_call, forget_queued

MAX_WAITING = 20
OPERATOR_ENDED = "operator-ended"


def object_to(state: CallState, line: Line, order: Order) -> tuple[str, str] | None:
    """Why the call cannot take `order` now, as a stable kebab-case code and a sentence; None if it can."""
    if state.phase is Phase.ENDED:
        return "call-over", "The call is over."
    if state.phase is Phase.FORWARDING:
        return "call-forwarded", "The caller is being forwarded, or is with a human already: no order reaches them."
    waiting = len(state.orders) + sum(isinstance(item, EventRaised) for item in state.queued)
    if waiting >= MAX_WAITING and not isinstance(order, HangUpOrdered):
        return "too-many-orders", f"{waiting} orders wait for this call already."
    if isinstance(order, ForwardOrdered) and (refusal := _refusal(state, line, order)) is not None:
        return "forward-refused", f"The forwarding policy of the number refuses this address: {refusal.reason}."
    return None


def place(state: CallState, order: Order) -> CallState:
    """The state with `order` waiting in it; one hang-up is enough, however often it is ordered."""
    if isinstance(order, HangUpOrdered) and any(isinstance(waiting, HangUpOrdered) for waiting in state.orders):
        return state
    return revise(state, orders=(*state.orders, order), orders_placed=state.orders_placed + 1)


def take_over_orders(state: CallState, stored: CallState) -> CallState:
    """`state` with the orders that were placed in `stored` since both were the same; a call that is over wants none."""
    new = stored.orders[len(stored.orders) - (stored.orders_placed - state.orders_placed) :]
    orders = () if state.phase is Phase.ENDED else (*state.orders, *new)
    return revise(state, orders=orders, orders_placed=stored.orders_placed)


def end_reason(state: CallState, reason: str) -> str:
    """Why a call ended that the carrier reports as over for `reason`: the operator may have ordered it."""
    return OPERATOR_ENDED if any(isinstance(order, HangUpOrdered) for order in state.orders) else reason


def hear_with_orders(state: CallState, line: Line, heard: CallerInput | None) -> tuple[CallState, Move]:
    """The transition for a webhook, with what was heard there (None: it came for an order, and heard nothing).

    What cannot be done yet goes on waiting.
    """
    if state.phase is Phase.ENDED or isinstance(heard, HungUp):
        return hear(state, line, heard or StayedSilent())
    for order in state.orders:
        if isinstance(order, HangUpOrdered):
            return _hang_up(state, line, order)
    forward = next((order for order in state.orders if isinstance(order, ForwardOrdered)), None)
    if forward is not None and not isinstance(heard, ForwardEnded):
        others = tuple(order for order in state.orders if order is not forward)
        return _forward(revise(state, orders=others), line, forward)
    events = tuple(order for order in state.orders if isinstance(order, EventRaised))
    if not events or isinstance(heard, ForwardEnded) or isinstance(state.after, HandOver):
        return hear(state, line, heard) if heard is not None else _go_on(state, line)
    return _raise_events(state, line, heard, events)


def _raise_events(
    state: CallState, line: Line, heard: CallerInput | None, events: tuple[EventRaised, ...]
) -> tuple[CallState, Move]:
    """What the caller does comes first; where they did nothing, the first event ends the silence."""
    if heard is None or (isinstance(heard, StayedSilent) and not state.keys_kept):
        heard, events = events[0], events[1:]
    state, move = hear(revise(state, orders=events), line, heard)
    if isinstance(move, AskAgent) or move == AwaitAgent():
        waiting = tuple(order for order in state.orders if isinstance(order, EventRaised))
        return revise(state, orders=(), queued=(*state.queued, *waiting)), move
    return state, move


def _hang_up(state: CallState, line: Line, order: HangUpOrdered) -> tuple[CallState, Move]:
    goodbye = (own_words(PhraseName.GOODBYE, state, line.profile),) if order.goodbye else ()
    plan = CallPlan(prompts=goodbye, then=Finish(reason=OPERATOR_ENDED))
    return finish_call(state, OPERATOR_ENDED), Perform(plan)


def _forward(state: CallState, line: Line, order: ForwardOrdered) -> tuple[CallState, Move]:
    """As the agent's own wish. A turn that still runs is not waited for, and what the caller did meanwhile is left."""
    connecting = own_words(PhraseName.FORWARD_CONNECTING, state, line.profile)
    prompts = () if _refusal(state, line, order) else (connecting,)
    state = revise(forget_queued(state), keys_kept="", unsaid=(), after=None, gave_up=state.running)
    return begin_forward(state, line, Forward(address=order.address), prompts)


def _go_on(state: CallState, line: Line) -> tuple[CallState, Move]:
    """The webhook came for an order that another webhook has taken: nobody was silent, what was going on goes on."""
    if state.phase is not Phase.LISTENING or state.after is not None:
        return hear(state, line, StayedSilent())
    listening = Perform(CallPlan(prompts=(), then=listen(state, line.profile)))
    return state, AwaitAgent(otherwise=(state, listening)) if state.running else listening


def _refusal(state: CallState, line: Line, order: ForwardOrdered) -> Refusal | None:
    decision = decide_forward(
        Forward(address=order.address),
        profile=line.profile,
        parties=state.parties,
        own_numbers=line.own_numbers,
        attempts_so_far=state.forward.attempts,
    )
    return decision if isinstance(decision, Refusal) else None
