"""The routes that give orders to live calls: an event for the agent, a hang-up, a forward."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from voicegw.api import answers
from voicegw.api.documented import refusals
from voicegw.api.guard import GuardedRoute, backing, guarded
from voicegw.api.parameters import Sid
from voicegw.call.inputs import EventRaised, ForwardOrdered, HangUpOrdered, Order
from voicegw.calllog.tokens import Grant, Scope

_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
_LARGEST_EXACT = 2**53

FieldName = Annotated[str, Field(min_length=1, max_length=64, pattern=_PRINTABLE)]
FieldValue = (
    StrictBool
    | Annotated[StrictInt, Field(ge=-_LARGEST_EXACT, le=_LARGEST_EXACT)]
    | Annotated[StrictFloat, Field(ge=-_LARGEST_EXACT, le=_LARGEST_EXACT)]
    | Annotated[StrictStr, Field(max_length=1000)]
)
AtOnce = Annotated[
    bool,
    Field(
        description="Interrupt the call, where the carrier lets us: what is being said to the caller or keyed in is "
        "cut off. Otherwise the order waits for the call's next webhook."
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EventOrder(_Body):
    """An event for the agent: its name and whatever else stands beside it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "payment_received", "fields": {"amount": 42.5, "currency": "EUR"}}]},
    )

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=_PRINTABLE)]
    # pydantic's schema gives names that do not fit any value: they are refused
    fields: Annotated[
        dict[FieldName, FieldValue], Field(max_length=32, json_schema_extra={"additionalProperties": False})
    ] = Field(default_factory=dict)
    at_once: AtOnce = True


class HangUpOrder(_Body):
    """The end of a call, after a goodbye or without a word."""

    goodbye: bool = True
    at_once: AtOnce = True


class ForwardOrder(_Body):
    """A human for the caller: one of the number's destinations by its alias, or an address that its policy allows."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"address": "front-desk"}]})

    address: Annotated[str, Field(min_length=1, max_length=255, pattern=_PRINTABLE)]
    at_once: AtOnce = True


router = APIRouter(route_class=GuardedRoute, tags=["orders"])
_REFUSALS = refusals(400, 404, 409)


@router.post("/calls/{sid}/events", summary="Tell the agent of an event", status_code=202, responses=_REFUSALS)
@guarded(Scope.CALLS_WRITE)
async def raise_event(request: Request, sid: Sid, body: EventOrder) -> answers.OrderTaken:
    """While a turn of the agent runs the event waits for its end; otherwise it begins the next turn."""
    return await _give(request, sid, EventRaised(name=body.name, fields=body.fields), "event", at_once=body.at_once)


@router.post("/calls/{sid}/hangup", summary="End a call", status_code=202, responses=_REFUSALS)
@guarded(Scope.CALLS_WRITE)
async def hang_up(request: Request, sid: Sid, body: HangUpOrder | None = None) -> answers.OrderTaken:
    """The caller hears a goodbye, unless that is not wanted. The agent is told of the end."""
    order = body or HangUpOrder()
    return await _give(request, sid, HangUpOrdered(goodbye=order.goodbye), "hang-up", at_once=order.at_once)


@router.post("/calls/{sid}/forward", summary="Forward a caller to a human", status_code=202, responses=_REFUSALS)
@guarded(Scope.CALLS_WRITE)
async def forward(request: Request, sid: Sid, body: ForwardOrder) -> answers.OrderTaken:
    """By the same policy as the agent's own forwards: what that refuses is refused here, and the caller hears nothing
    of it. Where nobody answers, the agent is told as usual."""
    return await _give(request, sid, ForwardOrdered(address=body.address), "forward", at_once=body.at_once)


async def _give(
    request: Request, sid: str, order: Order, kind: Literal["event", "hang-up", "forward"], *, at_once: bool
) -> answers.OrderTaken:
    grant: Grant = request.state.grant
    taken = await backing(request).conversations.order(sid, order, by=f"token {grant.name}", at_once=at_once)
    return answers.OrderTaken(sid=sid, order=kind, waits_for=taken.waits_for, reason=taken.reason)
