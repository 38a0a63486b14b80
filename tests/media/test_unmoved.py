"""What is skipped because it changes nothing does change nothing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.profile import Endpointing
from voicegw.media.endpointing import Endpointer

PROBABILITIES = st.sampled_from((0.0, 0.2, 0.34, 0.36, 0.49, 0.5, 0.9))
STRETCHES = st.lists(st.tuples(PROBABILITIES, st.integers(1, 40)), max_size=30)


@settings(max_examples=200, deadline=None)
@given(stretches=STRETCHES, profile=st.sampled_from(tuple(Endpointing)))
def test_endpointer_that_is_spared_what_leaves_it_unmoved_says_the_same(
    stretches: list[tuple[float, int]], profile: Endpointing
) -> None:
    every, spared = Endpointer(profile), Endpointer(profile)
    skipped = 0
    for probability, times in stretches:
        for _ in range(times):
            if spared.is_unmoved_by(probability):
                skipped += 1
                assert every.receive(probability, 0.032) is None
            else:
                assert spared.receive(probability, 0.032) == every.receive(probability, 0.032)
            assert spared.speaking == every.speaking
            assert spared.speech_seconds == every.speech_seconds
    assert skipped or not stretches or stretches[0][0] >= 0.5
