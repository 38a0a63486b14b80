"""What this room asks of one provider of speech; `failover` makes of several what the calls ask for."""

from collections.abc import AsyncGenerator, Callable
from typing import Final, Protocol

from voicegw.errors import SpeechError
from voicegw.live.ports import Ear, ListenRequest, SpeechRequest, Transcript

_NORWEGIAN: Final = {"nb": "no", "nn": "no"}


class RequestRefused(SpeechError):  # noqa: N818 (the branch is called an error; a leaf says what happened)
    """This provider will not do what one request asks for, a voice or a language; it may work well for others."""

    code = "speech-request-refused"


class UnknownLanguage(RequestRefused):
    """This provider does not know the language asked for."""

    code = "speech-language-unknown"


def language_without_region(tag: str) -> str:
    """A BCP 47 tag's language as the providers write it: `de` of `de-DE`. Norwegian is `no` to all of them."""
    language = tag.partition("-")[0]
    return _NORWEGIAN.get(language, language)


class Recogniser(Protocol):
    """Speech to text by one provider. Used inside one event loop."""

    @property
    def name(self) -> str:
        """As settings and logs call it."""

    def open(
        self, request: ListenRequest, tell: Callable[[Transcript], None], fail: Callable[[SpeechError], None]
    ) -> Ear:
        """As `SpeechToText.open`, without its promise of a final transcript: `fail` is called, once and in the event
        loop, when this ear will hear nothing any more. It does not connect again; whoever opened it does."""

    async def close(self) -> None:
        """Let go of models, threads and connections. Idempotent."""


class Voice(Protocol):
    """Text to speech by one provider. Used inside one event loop."""

    @property
    def name(self) -> str:
        """As settings and logs call it."""

    @property
    def sound(self) -> str:
        """Provider, model, version and voice: with the same one, the same words sound the same."""

    def speak(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """As `TextToSpeech.speak`: mulaw as it is made. Raises `SpeechError`."""

    async def close(self) -> None:
        """Let go of models, threads and connections. Idempotent."""
