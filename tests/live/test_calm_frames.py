"""Frames are joined while nobody speaks, and nothing of them is lost, whatever comes in between."""

from hypothesis import given
from hypothesis import strategies as st

from voicegw.live.calm_frames import JOINED_BYTES, CalmFrames

FRAME = bytes(160)


def test_each_frame_is_told_at_once_unless_it_is_calm() -> None:
    frames = CalmFrames()
    assert [frames.join(FRAME) for _ in range(3)] == [FRAME] * 3


def test_while_it_is_calm_three_are_told_together() -> None:
    frames = CalmFrames()
    frames.calm = True
    assert [len(frames.join(FRAME)) for _ in range(6)] == [0, 0, JOINED_BYTES, 0, 0, JOINED_BYTES]


def test_what_waits_is_told_with_the_next_frame_once_it_is_not_calm_any_more() -> None:
    frames = CalmFrames()
    frames.calm = True
    frames.join(b"a" * 160)
    frames.calm = False
    assert frames.join(b"b" * 160) == b"a" * 160 + b"b" * 160
    assert frames.join(b"c") == b"c"


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=700))))
def test_all_of_it_is_told_in_its_order_and_soon(script: list[tuple[bool, bytes]]) -> None:
    frames, told, came = CalmFrames(), b"", b""
    for calm, audio in script:
        frames.calm = calm
        told += frames.join(audio)
        came += audio
        assert came.startswith(told)
        assert len(came) - len(told) < (JOINED_BYTES if calm else 1)
