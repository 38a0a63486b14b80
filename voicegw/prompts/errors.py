"""Why a prompt cannot be played: the errors of this room, each with words for the agent's builder.

VoicegwError
└── PromptError              the words beside the audio are to be spoken instead
    ├── PromptTooLarge       over the limit of bytes or seconds
    ├── PromptUnreadable     broken, empty, or not what it claims to be
    ├── PromptFormatUnknown  no audio format that we know
    ├── PromptNeedsFfmpeg    a format that only ffmpeg reads, and there is none
    ├── PromptSourceRefused  an address that is not fetched from: not https, not public
    └── PromptUnreachable    the server did not hand the audio out
"""
# ruff: noqa: N818 (the branch is called an error; a leaf says what happened)

from voicegw.errors import VoicegwError


class PromptError(VoicegwError):
    """A prompt's audio cannot be played; unless `retryable`, the same source fails the same way again."""

    code = "prompt-error"


class PromptTooLarge(PromptError):
    """The audio is over the limit of bytes, or of seconds once decoded."""

    code = "prompt-too-large"


class PromptUnreadable(PromptError):
    """The audio is broken, empty, or not what it claims to be."""

    code = "prompt-unreadable"


class PromptFormatUnknown(PromptError):
    """The bytes are no audio format that we know."""

    code = "prompt-format-unknown"


class PromptNeedsFfmpeg(PromptError):
    """The format is read by ffmpeg alone, and ffmpeg is not installed."""

    code = "prompt-needs-ffmpeg"


class PromptSourceRefused(PromptError):
    """The audio's address is not one that the gateway fetches from; nothing was sent there."""

    code = "prompt-source-refused"


class PromptUnreachable(PromptError):
    """The server of the audio cannot be reached, is too slow, breaks off, or answers with an error status."""

    code = "prompt-unreachable"
    retryable = True
