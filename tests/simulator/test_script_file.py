"""Scripts as YAML: what they become, and what is said of a bad one."""

from pathlib import Path

import pytest

from voicegw.simulator import (
    Callee,
    HangsUp,
    Hears,
    HearsQuiet,
    Presses,
    Says,
    Script,
    ScriptFileError,
    Sounds,
    StaysSilent,
    Waits,
    load_script,
    script_file,
    write_wav,
)
from voicegw.simulator.stream.sound import tone

GOOD = """
from: "+14155550123"
to: "+15005550100"
steps:
  - hears: how can I help
    within_seconds: 20
    until: begin
  - says: the front desk, please
    when: prompt
    after_seconds: 1
    seconds: 2.5
    confidence:
  - presses: "12w34#"
    gap_seconds: 0.2
  - waits: 2.5
  - hangs_up:
    after_seconds: 3
  - stays_silent
callees:
  "+15005550106": {outcome: busy, ring_seconds: 4}
  sip:lab@pbx.example: {whisper_keys: "1", talk_seconds: null, hangs_up_on_whisper: false}
"""


def test_a_script_may_play_recordings_that_stand_beside_it(tmp_path: Path) -> None:
    said = tone(0.1, 440)
    (tmp_path / "said.wav").write_bytes(write_wav(said, said))
    text = "steps:\n  - plays: said.wav\n    text: hello\n    when: now\n  - hears_quiet: 2\n"
    sounds, quiet = load_script(text, tmp_path).steps
    assert isinstance(sounds, Sounds)
    assert (len(sounds.audio), sounds.text, sounds.when) == (len(said), "hello", "now")
    assert quiet == HearsQuiet(2)


def test_a_recording_that_cannot_be_had_is_a_fault_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "said.wav").write_bytes(b"MP3")
    with pytest.raises(ScriptFileError) as bad:
        load_script("steps:\n  - plays: said.wav\n  - plays: other.wav\n  - plays:\n", tmp_path)
    first, second, third = bad.value.faults
    assert first.startswith("line 2: steps[1].plays: said.wav cannot be read: no WAV file")
    assert second.startswith("line 3: steps[2].plays: other.wav cannot be read: ")
    assert third == "line 4: steps[3].plays: must be text; write it in quotes"


def test_a_script_says_who_calls_what_they_do_and_who_answers() -> None:
    assert load_script(GOOD) == Script(
        from_="+14155550123",
        to="+15005550100",
        steps=(
            Hears("how can I help", within_seconds=20, until="begin"),
            Says("the front desk, please", when="prompt", after_seconds=1, seconds=2.5, confidence=None),
            Presses("12w34#", gap_seconds=0.2),
            Waits(2.5),
            HangsUp(after_seconds=3),
            StaysSilent(),
        ),
        callees={
            "+15005550106": Callee(outcome="busy", ring_seconds=4),
            "sip:lab@pbx.example": Callee(whisper_keys="1", talk_seconds=None),
        },
    )


def test_the_example_in_the_documentation_is_a_script() -> None:
    example = (script_file.__doc__ or "").partition("\n\n")[2]
    assert len(load_script(example).steps) == 7


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- a", "line 1: a script is a mapping"),
        ("", "line 1: a script is a mapping"),
        ("steps: [", "not YAML"),
        ("to: '+1'", "line 1: steps: missing"),
        ("steps: []", "line 1: steps: must be a list"),
        ("steps: [stays_silent]\nstep: 1", "line 2: step: unknown; write one of from, to, steps, callees"),
        ("steps: [stays_silent]\nsteps: [hangs_up]", "line 2: steps: given twice"),
        ("steps: [hangs_up]\nfrom: 1415", "line 2: from: must be text; write it in quotes"),
        ("steps:\n- dances", "line 2: steps[1]: 'dances' is no step; write says, presses"),
        ("steps:\n- hangs_up\n- waits", "line 3: steps[2]: 'waits' is no step"),
        ("steps:\n- [1]", "line 2: steps[1]: a step is one of"),
        ("steps:\n- {says: a, waits: 1}", "line 2: steps[1]: needs exactly one of"),
        ("steps:\n- says: a\n  wen: now", "line 3: steps[1].wen: unknown; write one of says, when"),
        ("steps:\n- says: a\n  when: later", "line 3: steps[1].when: write one of turn, prompt, now"),
        ("steps:\n- waits: soon", "line 2: steps[1].waits: must be a number, 0 or more"),
        ("steps:\n- waits: -1", "must be a number, 0 or more"),
        ("steps:\n- waits: true", "must be a number, 0 or more"),
        ("steps:\n- waits: [1]", "must be a number, 0 or more"),
        ("steps:\n- presses: 1234", "line 2: steps[1].presses: must be text; write it in quotes"),
        ("steps:\n- presses: '12x'", "line 2: steps[1].presses: '12x' holds what is no key"),
        ("steps:\n- hears: '(a'", "line 2: steps[1].hears: not a regular expression"),
        ("steps:\n- hangs_up: now", "line 2: steps[1].hangs_up: takes no value"),
        ("steps: [hangs_up]\ncallees: [1]", "line 2: callees: must be a mapping"),
        ("steps: [hangs_up]\ncallees:\n  a: busy", "line 3: callees.a: must be a mapping"),
        ("steps: [hangs_up]\ncallees:\n  a: {outcome: dead}", "line 3: callees.a.outcome: write one of answers"),
        ("steps: [hangs_up]\ncallees:\n  a: {hangs_up_on_whisper: 1}", "write true or false"),
    ],
)
def test_a_fault_names_its_line_its_key_and_the_mend(text: str, fault: str) -> None:
    with pytest.raises(ScriptFileError) as caught:
        load_script(text)
    assert len(caught.value.faults) == 1
    assert fault in caught.value.faults[0]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ScriptFileError) as caught:
        load_script("steps:\n- waits: x\n- says: 1\nzap: 1")
    assert len(caught.value.faults) == 3
    assert str(caught.value).count("\n") == 2
