"""What the gateway says itself: a data file per language, and the catalog that reads them."""

from voicegw.call.phrases.catalog import LANGUAGES, PhraseName, fields_of, phrase, read_digits, variants

__all__ = ["LANGUAGES", "PhraseName", "fields_of", "phrase", "read_digits", "variants"]
