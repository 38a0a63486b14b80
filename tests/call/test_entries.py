"""Entries as JSON: they read back as they were, and what a later version wrote is told as such."""

import json

import pytest
from pydantic import ValidationError

from voicegw.call.entries import Entry, NoJournal, dump_entries, load_entries
from voicegw.call.inputs import CallParties
from voicegw.call.profile import NumberProfile
from voicegw.call.records import ActionSent, CallerSpoke, Noted, TurnBegan

ENTRIES = [
    Entry(call_sid="CA1", at=1_000.5, offset=0.5, turn=0, record=CallerSpoke(text="ten o'clock", quiet_seconds=2.0)),
    Entry(call_sid="CA1", at=1_001.0, offset=1.0, turn=1, record=TurnBegan(heard="said")),
    Entry(call_sid="CA1", at=1_001.1, offset=1.1, turn=1, record=ActionSent(action={"type": "text", "payload": "x"})),
]


def test_entries_read_back_as_they_were() -> None:
    assert load_entries(dump_entries(ENTRIES)) == ENTRIES
    assert load_entries(dump_entries(ENTRIES).decode()) == ENTRIES
    assert load_entries("[]") == []


def test_an_agents_object_whose_keys_are_no_text_is_written_with_keys_that_are() -> None:
    odd = [
        Entry(call_sid="CA1", at=1.0, offset=0.0, turn=1, record=ActionSent(action={"payload": {1: "a", None: "b"}}))
    ]
    assert json.loads(dump_entries(odd))[0]["record"]["action"] == {"payload": {"1": "a", "None": "b"}}


def test_half_a_surrogate_pair_is_no_json() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        dump_entries([Entry(call_sid="CA1", at=1.0, offset=0.0, turn=1, record=CallerSpoke(text="\ud800"))])


def test_a_record_of_a_later_version_is_told_and_the_others_are_read() -> None:
    written = json.loads(dump_entries(ENTRIES))
    written[1]["record"] = {"kind": "caller-sang", "song": "a long one"}
    found = load_entries(json.dumps(written))
    assert found[0] == ENTRIES[0]
    assert found[2] == ENTRIES[2]
    unknown = Noted(about="unreadable-record", fields={"kind": "caller-sang"})
    assert found[1] == Entry(call_sid="CA1", at=1_001.0, offset=1.0, turn=1, record=unknown)


@pytest.mark.parametrize("entry", [{}, {"record": "no object"}, {"record": {}}, {"call_sid": "CA1", "record": None}])
def test_an_entry_without_what_it_needs_is_told_all_the_same(entry: dict[str, object]) -> None:
    (found,) = load_entries(json.dumps([entry]))
    assert found.record == Noted(about="unreadable-record", fields={"kind": "None"})
    assert found.call_sid == entry.get("call_sid", "")


def test_an_entry_whose_instant_is_none_is_told_without_one() -> None:
    written = json.loads(dump_entries(ENTRIES))
    written[0]["offset"] = "soon"
    found = load_entries(json.dumps(written))
    unknown = Noted(about="unreadable-record", fields={"kind": "caller-spoke"})
    assert found[0] == Entry(call_sid="", at=0.0, offset=0.0, turn=0, record=unknown)
    assert found[1:] == ENTRIES[1:]


@pytest.mark.parametrize("document", ["", "{", "7", '{"entries": []}', '["no object"]'])
def test_what_is_no_array_of_objects_is_refused(document: str) -> None:
    with pytest.raises(ValidationError):
        load_entries(document)


def test_a_journal_that_keeps_nothing_takes_everything() -> None:
    journal = NoJournal()
    journal.open("CA1", CallParties(caller_number="", called_number="+15005550006"), NumberProfile(), 0.0)
    journal.note("CA1", TurnBegan(heard="said"), 1)
    journal.close("CA1")
    assert vars(journal) == {}
