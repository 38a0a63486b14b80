"""The one exception of this package, with the vendor's error code."""

EMPTY_BODY = 11770
TOO_LARGE = 11750
PARSE_FAILURE = 12100
ROOT_NOT_RESPONSE = 12102


class TwimlError(Exception):
    """A document or fragment that cannot be read; `code` is what the carrier would log for it.

    11750 larger than 64 kB, 11770 empty, 12100 not well-formed or refused as hostile, 12102 another root than
    `Response`.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
