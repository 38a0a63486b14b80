"""What the forwarding policy lets through: aliases, allowed numbers and SIP hosts, extensions, caller ID."""

import pytest

from voicegw.call.forwarding import Refusal, RefusalReason, Route, decide_forward
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
        "Front Desk": (Destination(to=DESK, sip_headers={"X-Queue": "front"}), Destination(to=SALES)),
        "sales": (Destination(to="+49 30 12345678", ring_seconds=45, time_limit_seconds=600, confirm=True),),
        "nobody": (),
        "ourselves": (Destination(to=OURS), Destination(to="+33 1 42 68 53 00")),
    },
    allow=("+1", "+4930", "+1876", "sip:pbx.example.com", "sip:10.0.0.7:5080", "sip:[2001:db8::7]"),
    ring_seconds=25,
    time_limit_seconds=7200,
    human="front desk",
)


def forward(
    address: str, *, profile: NumberProfile = SHOP, parties: CallParties = PARTIES, attempts: int = 0, **wish: object
) -> Route | Refusal:
    return decide_forward(
        Forward(address=address, **wish),
        profile=profile,
        parties=parties,
        own_numbers=frozenset({OURS, "+442079460000"}),
        attempts_so_far=attempts,
    )


def only_leg(verdict: Route | Refusal) -> Leg:
    assert isinstance(verdict, Route), verdict
    (leg,) = verdict.destinations
    return leg


def why(verdict: Route | Refusal) -> RefusalReason:
    assert isinstance(verdict, Refusal), verdict
    return verdict.reason


class TestAliases:
    @pytest.mark.parametrize("spoken", ["Front Desk", "front desk", "  FRONT   desk ", "front\tdesk\n"])
    def test_alias_is_found_whatever_its_case_and_spaces(self, spoken: str) -> None:
        verdict = forward(spoken)
        assert isinstance(verdict, Route)
        assert verdict.name == "Front Desk"
        assert [leg.address for leg in verdict.destinations] == [DESK, SALES]

    def test_alias_carries_what_its_operator_set(self) -> None:
        assert only_leg(forward("sales")) == Leg(
            kind="phone", address=SALES, caller_id=OURS, ring_seconds=45, time_limit_seconds=600, confirm=True
        )

    def test_alias_without_times_takes_those_of_the_number(self) -> None:
        desk, sales = forward("front desk").destinations  # type: ignore[union-attr]
        assert (desk.ring_seconds, desk.time_limit_seconds) == (25, 7200)
        assert desk.sip_headers == (("X-Queue", "front"),)
        assert sales.sip_headers == ()

    def test_a_phone_gets_no_sip_headers(self) -> None:
        told = Destination(to=SALES, sip_headers={"X-Queue": "sales"})
        assert only_leg(forward("x", profile=profile_with(destinations={"x": (told,)}))).sip_headers == ()

    def test_destination_of_an_alias_need_not_be_in_the_allow_list(self) -> None:
        assert only_leg(forward("ourselves")).address == "+33142685300"

    def test_alias_without_destinations_is_refused(self) -> None:
        assert why(forward("nobody")) is RefusalReason.NO_DESTINATION

    def test_first_reason_is_told_where_no_destination_can_be_dialled(self) -> None:
        wrong = profile_with(destinations={"x": (Destination(to=OURS), Destination(to="+1900"))})
        assert why(forward("x", profile=wrong)) is RefusalReason.OWN_NUMBER

    def test_word_that_names_no_alias_is_refused(self) -> None:
        assert forward("accounts") == Refusal(reason=RefusalReason.UNKNOWN_DESTINATION, address="accounts")


class TestRawNumbers:
    @pytest.mark.parametrize(
        "written",
        [
            "+14155550199",
            "+1 415 555 0199",
            "+1 (415) 555-0199",
            "+1.415.555.0199",
            "  +14155550199 ",
            "+1-415-555-0199",
        ],
    )
    def test_only_the_normalised_form_is_dialled(self, written: str) -> None:
        verdict = forward(written)
        assert only_leg(verdict).address == "+14155550199"
        assert verdict.name == "+14155550199"  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("number", "country"), [("+14155550199", "US"), ("+16135550199", "CA"), ("+18005550199", "toll-free")]
    )
    def test_plus_one_means_the_us_and_canada(self, number: str, country: str) -> None:
        assert only_leg(forward(number, profile=profile_with(allow=("+1",)))).address == number

    @pytest.mark.parametrize("number", ["+18765551234", "+18095551234", "+12423221234", "+17875551234", "+16715551234"])
    @pytest.mark.parametrize("prefix", ["+1", "+18", "+187", "+12", "+124", "+16", "+178"])
    def test_plus_one_does_not_reach_the_caribbean_or_pacific(self, number: str, prefix: str) -> None:
        assert why(forward(number, profile=profile_with(allow=(prefix,)))) is RefusalReason.NOT_ALLOWED

    @pytest.mark.parametrize(
        ("number", "reason"),
        [
            ("+19005551234", RefusalReason.PREMIUM_RATE),
            ("+447012345678", RefusalReason.SPECIAL_RATE),  # a personal number
            ("+49180512345", RefusalReason.SPECIAL_RATE),  # a shared cost line
            ("+870773111632", RefusalReason.SATELLITE),
        ],
    )
    def test_a_dear_number_is_refused_with_its_reason_though_its_zone_is_allowed(
        self, number: str, reason: RefusalReason
    ) -> None:
        careless = profile_with(allow=("+1", "+44", "+49", "+870"))
        assert why(forward(number, profile=careless)) is reason

    def test_other_plus_one_country_is_allowed_by_its_own_prefix(self) -> None:
        jamaica = profile_with(allow=("+1876",))
        assert only_leg(forward("+18765551234", profile=jamaica)).address == "+18765551234"
        assert why(forward("+18095551234", profile=jamaica)) is RefusalReason.NOT_ALLOWED

    def test_city_prefix_does_not_open_the_country(self) -> None:
        berlin = profile_with(allow=("+4930",))
        assert only_leg(forward("+49 30 12345678", profile=berlin)).address == SALES
        assert why(forward("+49 89 12345678", profile=berlin)) is RefusalReason.NOT_ALLOWED

    @pytest.mark.parametrize("entry", ["", "+", "1", "*", "+1 ", "sip:+1", "+01"])
    def test_malformed_allow_entry_allows_nothing(self, entry: str) -> None:
        assert why(forward("+14155550199", profile=profile_with(allow=(entry,)))) is RefusalReason.NOT_ALLOWED

    def test_nothing_is_allowed_by_default(self) -> None:
        bare = NumberProfile(number=OURS)
        assert why(forward("+14155550199", profile=bare)) is RefusalReason.NOT_ALLOWED
        assert why(forward(DESK, profile=bare)) is RefusalReason.NOT_ALLOWED

    @pytest.mark.parametrize("ours", [OURS, "+44 20 7946 0000"])
    def test_our_own_numbers_are_never_dialled(self, ours: str) -> None:
        assert why(forward(ours, profile=profile_with(allow=("+1", "+44")))) is RefusalReason.OWN_NUMBER

    def test_called_number_counts_as_ours_even_where_none_is_listed(self) -> None:
        parties = CallParties(caller_number=CALLER, called_number="+14155550142")
        anyone = NumberProfile(forwarding=Forwarding(allow=("+1",)))
        assert why(forward("+14155550142", profile=anyone, parties=parties)) is RefusalReason.OWN_NUMBER


class TestExtensions:
    @pytest.mark.parametrize(
        ("extension", "sent"), [("204", "204"), ("1W23", "1W23"), ("ww20 4-A", "ww204A"), ("*#", "*#"), ("", "")]
    )
    def test_extension_is_sent_as_digits(self, extension: str, sent: str) -> None:
        assert only_leg(forward("+14155550199", extension=extension)).send_digits == sent

    @pytest.mark.parametrize("extension", ["ext 12", "12,,3", "１２", "12\n", "a", "1" * 33, "12&SIP/x", "<Number>"])
    def test_extension_outside_the_alphabet_is_refused(self, extension: str) -> None:
        assert why(forward("+14155550199", extension=extension)) is RefusalReason.INVALID_EXTENSION

    def test_operator_s_digits_win_over_the_agent_s(self) -> None:
        line = profile_with(destinations={"x": (Destination(to=SALES, send_digits="7"),)})
        assert only_leg(forward("x", profile=line, extension="999")).send_digits == "7"

    def test_sip_address_gets_no_digits(self) -> None:
        assert only_leg(forward(DESK, extension="999", address_type="sip")).send_digits == ""


class TestCallerId:
    def test_our_number_is_shown_unless_asked_otherwise(self) -> None:
        assert only_leg(forward("+14155550199")).caller_id == OURS

    def test_caller_s_number_passes_through_when_the_agent_asks(self) -> None:
        assert only_leg(forward("+14155550199", caller_id_passthrough=True)).caller_id == CALLER

    @pytest.mark.parametrize(
        "withheld", ["", "anonymous", "+266696687", "client:bob", "+1", "+1415555012\n", "+999123"]
    )
    def test_only_a_real_number_passes_through(self, withheld: str) -> None:
        parties = CallParties(caller_number=withheld, called_number=OURS)
        assert only_leg(forward("+14155550199", parties=parties, caller_id_passthrough=True)).caller_id == OURS

    @pytest.mark.parametrize(("setting", "shown"), [("ours", OURS), ("caller", CALLER), (None, CALLER)])
    def test_operator_s_caller_id_wins_over_the_agent_s(self, setting: str | None, shown: str) -> None:
        line = profile_with(destinations={"x": (Destination(to=SALES, caller_id=setting),)})  # type: ignore[arg-type]
        assert only_leg(forward("x", profile=line, caller_id_passthrough=True)).caller_id == shown

    def test_call_to_a_sip_address_shows_the_number_of_its_profile(self) -> None:
        parties = CallParties(caller_number="", called_number="sip:shop@ours.example.com")
        assert only_leg(forward("sales", parties=parties)).caller_id == OURS
        anyone = SHOP.model_copy(update={"number": ""})
        assert only_leg(forward("sales", profile=anyone, parties=parties)).caller_id == ""


class TestSip:
    @pytest.mark.parametrize(
        ("written", "dialled"),
        [
            ("sip:desk@pbx.example.com", DESK),
            ("SIP:desk@PBX.Example.COM", DESK),
            ("sip:Desk.2+a@pbx.example.com:5060", "sip:Desk.2+a@pbx.example.com:5060"),
            ("sip:desk@pbx.example.com;transport=TCP", "sip:desk@pbx.example.com;transport=tcp"),
            ("sips:desk@pbx.example.com", "sip:desk@pbx.example.com;transport=tls"),
            ("sips:desk@pbx.example.com:5061;transport=tls", "sip:desk@pbx.example.com:5061;transport=tls"),
            ("sip:desk@10.0.0.7:5080", "sip:desk@10.0.0.7:5080"),
            ("sip:desk@[2001:DB8::7]", "sip:desk@[2001:db8::7]"),
            ("desk@pbx.example.com", DESK),
            ("desk@10.0.0.7:5080", "sip:desk@10.0.0.7:5080"),
            ("X100@pbx.example.com", "sip:X100@pbx.example.com"),
            ("sip:500@pbx.example.com", "sip:500@pbx.example.com"),
            ("sip:+14155550199@pbx.example.com", "sip:+14155550199@pbx.example.com"),
        ],
    )
    def test_listed_host_is_dialled(self, written: str, dialled: str) -> None:
        leg = only_leg(forward(written, address_type="sip"))
        assert (leg.kind, leg.address) == ("sip", dialled)

    @pytest.mark.parametrize(
        "written",
        ["sip:desk@10.0.0.7", "sip:desk@10.0.0.7:5060", "sip:desk@pbx.example.com:5080", "sip:desk@example.com"],
    )
    def test_other_port_or_host_is_not_allowed(self, written: str) -> None:
        assert why(forward(written, address_type="sip")) is RefusalReason.NOT_ALLOWED

    def test_address_is_judged_by_its_form_not_by_the_trace_s_word_for_it(self) -> None:
        assert only_leg(forward(DESK, address_type="phone")).kind == "sip"
        assert only_leg(forward("+14155550199", address_type="sip")).kind == "phone"

    @pytest.mark.parametrize("entry", ["sip:", "sip:pbx.example.com:99999", "sip:*.example.com", "pbx.example.com"])
    def test_malformed_host_entry_allows_nothing(self, entry: str) -> None:
        assert why(forward(DESK, profile=profile_with(allow=(entry,)))) is RefusalReason.NOT_ALLOWED

    @pytest.mark.parametrize(
        ("user", "reason"),
        [
            ("911", RefusalReason.EMERGENCY),
            ("+112", RefusalReason.EMERGENCY),
            ("0911", RefusalReason.EMERGENCY),
            ("0019005551234", RefusalReason.PREMIUM_RATE),
            ("01188216123456", RefusalReason.SATELLITE),
            ("+881612345678", RefusalReason.SATELLITE),
            ("+12", RefusalReason.INVALID_SIP_ADDRESS),
            ("14155550100", None),
            ("+14155550100", RefusalReason.OWN_NUMBER),
        ],
    )
    def test_number_behind_a_listed_host_is_judged_too(self, user: str, reason: RefusalReason | None) -> None:
        verdict = forward(f"sip:{user}@pbx.example.com")
        assert (verdict.reason if isinstance(verdict, Refusal) else None) is reason

    def test_emergency_number_of_the_called_country_is_refused_at_a_sip_host(self) -> None:
        rome = CallParties(caller_number="", called_number="+390612345678")
        assert why(forward("sip:113@pbx.example.com", parties=rome)) is RefusalReason.EMERGENCY
        assert only_leg(forward("sip:113@pbx.example.com")).address == "sip:113@pbx.example.com"

    @pytest.mark.parametrize("spelling", ["sip:shop@ours.example.com", "SIP:Shop@ours.example.com:5060;transport=tls"])
    def test_our_own_sip_address_is_refused_however_it_is_spelt(self, spelling: str) -> None:
        parties = CallParties(caller_number=CALLER, called_number="sip:shop@OURS.example.com;transport=tcp")
        line = profile_with(allow=("sip:ours.example.com",))
        assert why(forward(spelling, profile=line, parties=parties)) is RefusalReason.OWN_NUMBER
