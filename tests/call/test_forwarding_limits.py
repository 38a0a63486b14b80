"""The limits of forwarding: attempts and hourly caps, human and fallback destinations, the operator's own, loops."""

import pytest

from voicegw.call.addresses import parse_sip_host
from voicegw.call.forwarding import (
    Refusal,
    RefusalReason,
    Route,
    decide_forward,
    fallback_route,
    human_route,
    judge_destination,
    returning_name,
    ringing_name,
)
from voicegw.call.inputs import CallParties
from voicegw.call.instructions import Forward
from voicegw.call.plan import Leg
from voicegw.call.profile import Destination, Forwarding, NumberProfile

OURS = "+14155550100"
CALLER = "+14155550123"
SALES = "+493012345678"
DESK = "sip:desk@pbx.example.com"
PARTIES = CallParties(caller_number=CALLER, called_number=OURS)


def profile_with(**forwarding: object) -> NumberProfile:
    return NumberProfile(number=OURS, forwarding=Forwarding(**forwarding))


SHOP = profile_with(
    destinations={
        "Front Desk": (Destination(to=DESK), Destination(to=SALES)),
        "sales": (Destination(to=SALES),),
    },
    allow=("+1",),
    human="front desk",
)


def forward(
    address: str,
    *,
    profile: NumberProfile = SHOP,
    attempts: int = 0,
    dialled_last_hour: dict[str, int] | None = None,
    **wish: object,
) -> Route | Refusal:
    return decide_forward(
        Forward(address=address, **wish),
        profile=profile,
        parties=PARTIES,
        own_numbers=frozenset({OURS}),
        attempts_so_far=attempts,
        dialled_last_hour=dialled_last_hour or {},
    )


def addresses(verdict: Route | Refusal) -> list[str]:
    assert isinstance(verdict, Route), verdict
    return [leg.address for leg in verdict.destinations]


def why(verdict: Route | Refusal) -> RefusalReason:
    assert isinstance(verdict, Refusal), verdict
    return verdict.reason


class TestLimits:
    @pytest.mark.parametrize(("attempts", "left"), [(0, 2), (1, 2), (2, 1)])
    def test_route_is_cut_to_the_attempts_that_are_left(self, attempts: int, left: int) -> None:
        assert len(addresses(forward("front desk", attempts=attempts))) == left

    def test_fourth_attempt_is_refused(self) -> None:
        assert why(forward("sales", attempts=3)) is RefusalReason.TOO_MANY_ATTEMPTS
        assert why(forward("+14155550199", attempts=4)) is RefusalReason.TOO_MANY_ATTEMPTS

    def test_destination_dialled_too_often_in_the_hour_is_passed_over(self) -> None:
        capped = SHOP.forwarding.model_copy(update={"max_per_destination_per_hour": 2})
        line = SHOP.model_copy(update={"forwarding": capped})
        assert addresses(forward("front desk", profile=line, dialled_last_hour={DESK: 1})) == [DESK, SALES]
        assert addresses(forward("front desk", profile=line, dialled_last_hour={DESK: 2})) == [SALES]
        exhausted = forward("front desk", profile=line, dialled_last_hour={DESK: 2, SALES: 9})
        assert why(exhausted) is RefusalReason.HOURLY_LIMIT


class TestHumanAndFallback:
    def test_human_is_the_alias_the_number_names(self) -> None:
        verdict = human_route(SHOP, parties=PARTIES, own_numbers=frozenset())
        assert isinstance(verdict, Route)
        assert verdict.name == "Front Desk"
        assert forward("whatever the agent said", address_type="human") == verdict

    def test_number_without_a_human_refuses(self) -> None:
        alone = profile_with(destinations={"sales": (Destination(to=SALES),)})
        verdict = human_route(alone, parties=PARTIES, own_numbers=frozenset())
        assert verdict == Refusal(reason=RefusalReason.NO_DESTINATION, address="")

    def test_fallback_destinations_are_tried_in_order_without_any_allow_list(self) -> None:
        line = NumberProfile(number=OURS, fallback=(Destination(to=SALES), Destination(to=DESK)))
        verdict = fallback_route(line, parties=PARTIES, own_numbers=frozenset())
        assert isinstance(verdict, Route)
        assert verdict.name == "fallback"
        assert addresses(verdict) == [SALES, DESK]

    def test_fallback_obeys_the_call_s_attempts(self) -> None:
        line = NumberProfile(number=OURS, fallback=(Destination(to=SALES),))
        verdict = fallback_route(line, parties=PARTIES, own_numbers=frozenset(), attempts_so_far=3)
        assert why(verdict) is RefusalReason.TOO_MANY_ATTEMPTS

    def test_number_without_fallback_refuses(self) -> None:
        verdict = fallback_route(NumberProfile(number=OURS), parties=PARTIES, own_numbers=frozenset())
        assert verdict == Refusal(reason=RefusalReason.NO_DESTINATION, address="fallback")

    def test_the_only_attempt_of_a_call_is_theirs(self) -> None:
        once = Forwarding(destinations={"human": (Destination(to=SALES),)}, human="human", max_attempts=1)
        line = NumberProfile(number=OURS, fallback=(Destination(to=DESK),), forwarding=once)
        assert addresses(human_route(line, parties=PARTIES, own_numbers=frozenset())) == [SALES]
        assert addresses(fallback_route(line, parties=PARTIES, own_numbers=frozenset())) == [DESK]


class TestOperatorsOwnDestinations:
    @pytest.mark.parametrize(
        ("written", "verdict"),
        [
            ("+44 (0)20 7946 0958", "+442079460958"),
            ("+44 300 123 4567", "+443001234567"),
            ("sips:desk@pbx.example.com", "sip:desk@pbx.example.com;transport=tls"),
            ("+19005551234", RefusalReason.PREMIUM_RATE),
            ("+1 212 976 1234", RefusalReason.PREMIUM_RATE),
            ("+1 415 555 1212", RefusalReason.PREMIUM_RATE),
            ("+881612345678", RefusalReason.SATELLITE),
            ("+61147123456", RefusalReason.SATELLITE),
            ("+49 30 110", RefusalReason.EMERGENCY),
            ("+14159111234", RefusalReason.EMERGENCY),
            ("112", RefusalReason.UNKNOWN_DESTINATION),
            ("+112", RefusalReason.INVALID_NUMBER),
            ("+49 30 1104155550123", RefusalReason.INVALID_NUMBER),  # known to be valid there, but 17 digits
            ("030 12345678", RefusalReason.UNKNOWN_DESTINATION),
            (OURS, RefusalReason.OWN_NUMBER),
            ("sip:911@pbx.example.com", RefusalReason.EMERGENCY),
            ("sip:desk@pbx.example.com:99999", RefusalReason.INVALID_SIP_ADDRESS),
            ("sip:desk@pbx.example.com:65535", "sip:desk@pbx.example.com:65535"),
            ("sip:desk@pbx.example.com:65536", RefusalReason.INVALID_SIP_ADDRESS),
            ("sip:0012345678@pbx.example.com", "sip:0012345678@pbx.example.com"),  # a prefix, but no number behind it
        ],
    )
    def test_destination_is_normalised_or_named_wrong(self, written: str, verdict: str | RefusalReason) -> None:
        assert judge_destination(written, own_numbers=frozenset({OURS})) == verdict

    def test_our_own_number_is_known_however_it_is_written(self) -> None:
        ours = frozenset({"+44 (0)20 7946 0000"})
        assert judge_destination("+442079460000", own_numbers=ours) is RefusalReason.OWN_NUMBER
        assert judge_destination("+44 (0)20 7946 0000", own_numbers=ours) is RefusalReason.OWN_NUMBER

    def test_a_host_s_highest_port_may_be_listed(self) -> None:
        line = profile_with(allow=("sip:pbx.example.com:65535",))
        assert addresses(forward(f"{DESK}:65535", profile=line)) == [f"{DESK}:65535"]
        assert parse_sip_host("sip:pbx.example.com:65536") is None


class TestLoops:
    LEG = Leg(kind="phone", address=SALES, caller_id=OURS)

    def back(self, caller: str, forwarded_from: str) -> CallParties:
        return CallParties(caller_number=caller, called_number=OURS, forwarded_from=forwarded_from)

    def test_a_sip_leg_coming_back_is_a_loop(self) -> None:
        leg = Leg(kind="sip", address=DESK, caller_id=OURS)
        assert returning_name(self.back(OURS, DESK)) == ringing_name(leg, PARTIES)

    @pytest.mark.parametrize("written", [SALES, SALES.removeprefix("+")])
    def test_our_leg_coming_back_is_a_loop(self, written: str) -> None:
        assert returning_name(self.back(OURS, written)) == ringing_name(self.LEG, PARTIES)

    def test_leg_that_showed_the_caller_comes_back_with_the_caller(self) -> None:
        leg = Leg(kind="phone", address=SALES, caller_id=CALLER)
        assert returning_name(self.back(CALLER, SALES)) == ringing_name(leg, PARTIES)
        assert returning_name(self.back(OURS, SALES)) != ringing_name(leg, PARTIES)

    def test_leg_without_a_caller_id_of_ours_shows_the_caller(self) -> None:
        leg = Leg(kind="phone", address=SALES)
        assert returning_name(self.back(CALLER, SALES)) == ringing_name(leg, PARTIES)

    def test_other_calls_are_no_loop(self) -> None:
        ours = ringing_name(self.LEG, PARTIES)
        assert returning_name(self.back("+33142685300", SALES)) != ours
        assert returning_name(self.back(OURS, "+33142685300")) != ours
        assert returning_name(self.back(OURS, "")) == ""
