"""What full-text search over `calls.transcript` is called in the database; a migration makes it, beside the tables.

SQLite: the FTS5 table `WORDS_TABLE`, whose rowid is `calls.id`. It keeps no text of its own; triggers on `calls` follow
each change, and an empty transcript has no row. PostgreSQL: the index `WORDS_INDEX` over `WORDS_VECTOR`.
"""

WORDS_TABLE = "calls_words"
WORDS_INDEX = "ix_calls_words"
WORDS_VECTOR = "to_tsvector('simple', transcript)"
MAX_TRANSCRIPT_CHARS = 200_000
"""What is searched of one call: PostgreSQL refuses text whose words take more than 1 MB."""


def is_of_full_text(name: str, kind: str) -> bool:
    """Does the database keep `name` (Alembic's kind: table, index, …) for its full-text search?"""
    if kind == "table":
        return name == WORDS_TABLE or name.startswith(f"{WORDS_TABLE}_")  # FTS5 makes tables of its own
    return kind == "index" and name == WORDS_INDEX
