"""OpenAI's own client, for any server that speaks its API, and its errors in our words: never a key."""

from collections.abc import Iterator
from contextlib import contextmanager

from openai import APIStatusError, AsyncOpenAI, OpenAIError

from voicegw.errors import SpeechError
from voicegw.speech.refusals import refusal


def openai_client(api_key: str, base_url: str) -> AsyncOpenAI:
    """A client that tries once: another provider is sooner than another attempt. Empty `base_url` is OpenAI itself."""
    return AsyncOpenAI(api_key=api_key, base_url=base_url or "https://api.openai.com/v1", max_retries=0, timeout=10)


@contextmanager
def openai_errors(told: str) -> Iterator[None]:
    """Raise what goes wrong with the server as `SpeechError`; none says what the server was `told`."""
    try:
        yield
    except APIStatusError as exc:
        raise refusal("OpenAI", exc.status_code, exc.body, told) from None
    except (OpenAIError, OSError) as exc:
        raise SpeechError(f"the connection to OpenAI failed: {type(exc).__name__}", retryable=True) from exc
