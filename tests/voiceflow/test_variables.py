"""The agent's variables that the gateway sets."""

from voicegw.call.inputs import CallParties, Pressed, Said
from voicegw.call.profile import NumberProfile
from voicegw.voiceflow.variables import plan_turn_variables, plan_variables

PARTIES = CallParties(
    caller_number="+14155550100",
    called_number="+14155550199",
    caller_name="ANN",
    caller_country="US",
    forwarded_from="+14155550111",
    caller_verified=True,
    sip_headers={"X-Account": "7"},
)


def test_a_launch_tells_who_calls_whom() -> None:
    assert plan_variables(PARTIES, "CA1", NumberProfile(timezone="Europe/Berlin")) == {
        "caller_number": "+14155550100",
        "called_number": "+14155550199",
        "call_sid": "CA1",
        "call_direction": "inbound",
        "caller_name": "ANN",
        "caller_country": "US",
        "forwarded_from": "+14155550111",
        "caller_verified": True,
        "sip_headers": {"X-Account": "7"},
        "timezone": "Europe/Berlin",
    }


def test_a_withheld_number_gives_empty_number_and_country() -> None:
    withheld = CallParties(caller_number="", called_number="+14155550199", caller_country="US")
    variables = plan_variables(withheld, "CA1", NumberProfile())
    assert (variables["caller_number"], variables["caller_country"]) == ("", "")
    assert "timezone" not in variables


def test_an_operator_renames_drops_and_adds_variables() -> None:
    profile = NumberProfile(
        variable_names={"caller_number": "phone", "sip_headers": "", "heard_text": "heard"},
        variables={"line": "sales", "caller_name": "ours"},
    )
    variables = plan_variables(PARTIES, "CA1", profile)
    assert variables["phone"] == "+14155550100"
    assert not variables.keys() & {"caller_number", "sip_headers"}
    assert (variables["line"], variables["caller_name"]) == ("sales", "ours")
    assert plan_turn_variables(Pressed(keys="1"), "Hello", profile) == {"heard": "Hello"}


def test_a_turn_tells_how_sure_the_recogniser_was_and_forgets_an_old_interruption() -> None:
    profile = NumberProfile()
    assert plan_turn_variables(Said(text="x", confidence=0.0), "", profile) == {
        "heard_text": "",
        "speech_confidence": 0.0,
    }
    assert plan_turn_variables(Said(text="x"), "Your balance", profile) == {"heard_text": "Your balance"}
