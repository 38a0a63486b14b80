"""Faults in a dialogue file: each is named by state and field, with the mend, and all are told at once."""

import re
from pathlib import Path
from typing import get_args

import pytest

from voicegw.demo.dialogue import Dialogue, FaultKind, State
from voicegw.demo.loader import DialogueError, load_dialogue, parse_dialogue


def faults_of(text):
    with pytest.raises(DialogueError) as raised:
        parse_dialogue(text, name="test.yaml")
    return str(raised.value).splitlines()


def fault_in_state(fields):
    """The one fault of a state `a` with these fields, without the name of the file."""
    (fault,) = faults_of(f"start: a\nstates:\n  a: {{{fields}}}\n")
    return fault.removeprefix("test.yaml: ")


def test_dental_practice_loads_with_its_recording():
    dialogue = load_dialogue()
    assert dialogue.states[dialogue.start].say
    assert dialogue.recordings["opening_hours.wav"].startswith(b"RIFF")


def test_examples_in_the_docs_load():
    page = Path(__file__).parents[2] / "docs" / "agent-dialogue.md"
    examples = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    for example in examples:
        dialogue = parse_dialogue(example)
        assert dialogue.start in dialogue.states


def test_docs_name_every_field_and_every_fault():
    page = (Path(__file__).parents[2] / "docs" / "agent-dialogue.md").read_text(encoding="utf-8")
    fields = [field.alias or name for model in (Dialogue, State) for name, field in model.model_fields.items()]
    missing = [name for name in (*fields, *get_args(FaultKind)) if f"`{name}" not in page]
    assert missing == ["recordings"]


def test_all_faults_are_told_at_once_each_with_its_place():
    assert faults_of("""
start: a
everywhere:
  - {said: yes, gotto: a}
states:
  a: {sai: hello}
  b: {fault: explode, keypad: {max_digits: 40}}
""") == [
        'test.yaml: field "everywhere[1].goto": is missing. Mend: add it',
        'test.yaml: field "everywhere[1].gotto": there is no such field. Mend: did you mean "goto"?',
        'test.yaml: state "a", field "sai": there is no such field. Mend: did you mean "say"?',
        "test.yaml: state \"b\", field \"fault.kind\": 'explode' is not known. Mend: write 'http-500', 'http-429', "
        "'session-expired', 'reset', 'cut-off', 'garbage', 'stall', 'slow', 'empty' or 'out-of-credit'",
        'test.yaml: state "b", field "keypad.max_digits": 40 does not fit (Input should be less than or equal to 20). '
        "Mend: see docs/agent-dialogue.md for what may stand there",
    ]


def test_leads_to_states_that_are_not_there_are_named_with_the_likely_one():
    faults = faults_of("""
start: welcom
silence: {after_seconds: 1, goto: s}
everywhere: [{said: x, goto: e}]
states:
  welcome:
    buttons: [{label: B, goto: b}]
    silence: {after_seconds: 1, goto: s2}
    on: [{said: x, goto: welcome}, {said: y, goto: o}]
  other: {goto: g}
""")
    places = [fault.removeprefix("test.yaml: ").split(":")[0] for fault in faults]
    assert faults[0].endswith('there is no state "welcom". Mend: did you mean "welcome"?')
    assert places == [
        'field "start"',
        'field "silence.goto"',
        'field "everywhere[1].goto"',
        'state "welcome", field "silence.goto"',
        'state "welcome", field "buttons[1].goto"',
        'state "welcome", field "on[2].goto"',
        'state "other", field "goto"',
    ]


def test_states_that_go_round_for_ever_are_refused_and_those_that_lead_there_are_not_blamed():
    faults = faults_of("""
start: c
states: {a: {goto: b}, b: {goto: a}, c: {goto: a}, d: {goto: d}, e: {ask: well}, f: {goto: e}}
""")
    blamed = [fault.split('"')[1] for fault in faults]
    assert blamed == ["a", "b", "d"]
    assert all("circle" in fault and "Mend: let one state" in fault for fault in faults)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("say: 10", 'state "a", field "say": 10 does not fit'),
        ("ask: 10", 'state "a", field "ask": 10 is no text. Mend: put it in quotes: "10"'),
        ("on: [{goto: a}]", 'state "a", field "on[1]": needs exactly one of said, dtmf, event, otherwise. Mend: '),
        ("on: [{goto: a, said: x, event: y}]", 'state "a", field "on[1]": needs exactly one of'),
        ("on: [{goto: a, said: x, where: {y: z}}]", 'state "a", field "on[1]": has `where` without `event`'),
        ("on: [{goto: a, said: '('}]", 'state "a", field "on[1].said": is no regular expression (missing )'),
        ("on: [{goto: a, said: [yes, 1]}]", 'state "a", field "on[1].said": holds something that is no text'),
        ("on: [{goto: a, said: []}]", 'state "a", field "on[1].said": holds something that is no text'),
        ("on: [{goto: a, dtmf: 1234}]", 'state "a", field "on[1].dtmf": 1234 is no text. Mend: put it in quotes'),
        (
            "on: [{goto: a, otherwise: false}]",
            'state "a", field "on[1].otherwise": False is not known. Mend: write true',
        ),
        ("goto: a, hangup: true", 'state "a": has goto and hangup, but a state ends in one way'),
        ("forward: x, ask: y", 'state "a": has ask beside forward, so nobody would listen. Mend: remove'),
        ("hangup: true, on: [{said: x, goto: a}]", 'state "a": has on beside hangup, so no rule would be tried'),
        ("keypad: {gap_seconds: 0, delimiter: []}", 'state "a", field "keypad": never ends'),
        (
            "keypad: {delimiter: ['1']}",
            "state \"a\", field \"keypad.delimiter[1]\": '1' is not known. Mend: write '#' or",
        ),
        ("forward: {to: 'sip:x@y', extension: '1'}", 'state "a", field "forward": goes to SIP'),
        ("forward: {to: x, kind: sip, caller_id_passthrough: false}", 'state "a", field "forward": goes to SIP'),
        (
            "tool: {name: x, second: 3}",
            'state "a", field "tool.second": there is no such field. Mend: did you mean "seconds"?',
        ),
        ("tool: {name: x, seconds: soon}", 'state "a", field "tool.seconds": \'soon\' does not fit'),
        ("colour: red", 'state "a", field "colour": there is no such field. Mend: write one of set, say, generated'),
        ("silence: {after_seconds: 0, goto: a}", 'state "a", field "silence.after_seconds": 0 does not fit'),
    ],
)
def test_fault_in_a_state_is_told_with_its_place_and_mend(fields, fault):
    told = fault_in_state(fields)
    assert told.startswith(fault)
    assert "Mend: " in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file: holds no dialogue. Mend: begin with `start:` and `states:`"),
        ("- a", "the file: holds no dialogue."),
        ("start: a", 'field "states": is missing. Mend: add it'),
        ("start: a\nstates: {a: [x]}", "state \"a\": ['x'] does not fit"),
        ("star: a\nstart: a\nstates: {}", 'field "star": there is no such field. Mend: did you mean "start"?'),
        ("start: a\nstates:\n  a: {}\n  a: {}\n", "line 4: 'a' stands twice. Mend: look there"),
        ("start: a\nstates:\n  a: {say: 'x}\n", "line "),
        ("start: a\n\tstates: {}", "line 2: found character '\\t'"),
        ("start: \x00", "the file: unacceptable character"),
        ("? [a]\n: b", "line 1: a name is no text"),
        ("start: a\nstates: {1: {}}", 'state "1": 1 is no text. Mend: put it in quotes: "1"'),
    ],
)
def test_file_that_is_no_dialogue_is_told_in_one_line(text, told):
    assert faults_of(text)[0].startswith(f"test.yaml: {told}")


def test_words_that_yaml_would_read_as_something_else_stay_words():
    dialogue = parse_dialogue("""
start: on
states:
  on: {ask: no, say: [10:30, 2026-11-23, 0123, off], on: [{said: yes, goto: on}]}
""")
    state = dialogue.states["on"]
    assert (state.ask, state.say) == ("no", ("10:30", "2026-11-23", "0123", "off"))
    assert state.on[0].said.search("oh yes")


def test_state_may_be_named_like_a_field():
    faults = faults_of("start: tool\nstates: {tool: {ask: hello, nme: x}}")
    assert faults == [
        'test.yaml: state "tool", field "nme": there is no such field. Mend: write one of set, say, generated, tool, '
        "play, fault, goto, forward, realtime, hangup, ask, buttons, keypad, silence, on"
    ]


def test_recording_is_read_from_beside_the_file(tmp_path):
    (tmp_path / "song.wav").write_bytes(b"RIFF")
    file = tmp_path / "a.yaml"
    file.write_text("start: a\nstates: {a: {play: song.wav}, b: {play: https://example.com/b.mp3}}")
    assert load_dialogue(file).recordings == {"song.wav": b"RIFF"}


@pytest.mark.parametrize("name", ["missing.wav", "../secret.wav", "sub/../../secret.wav", "/etc/hostname", "."])
def test_recording_that_is_not_beside_the_file_is_a_fault(tmp_path, name):
    folder = tmp_path / "dialogues"
    folder.mkdir()
    (tmp_path / "secret.wav").write_bytes(b"RIFF")
    file = folder / "a.yaml"
    file.write_text(f"start: a\nstates: {{a: {{play: {name}}}}}")
    with pytest.raises(DialogueError) as raised:
        load_dialogue(file)
    assert str(raised.value) == (
        f'a.yaml: state "a", field "play": there is no file {name!r}. '
        "Mend: put the recording beside a.yaml, or write its https URL"
    )
