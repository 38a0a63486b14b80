"""The call log's tables, the same on SQLite and PostgreSQL. Migrations (`migrations/`) make exactly these.

Instants are epoch seconds, durations of a turn milliseconds. Numbers of callers stand in clear in `calls` and in the
`call-rang` and `forward-tried` records only; what must not be kept never gets here (`call.redaction`).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

METADATA = MetaData()
# SQLite numbers rows by itself only where the key is an INTEGER.
_ID = BigInteger().with_variant(Integer, "sqlite")

calls = Table(
    "calls",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),  # grows with time: the order of lists, and of pages
    Column("call_sid", String(64), nullable=False, unique=True),
    Column("started_at", Double, nullable=False),
    Column("day", String(10), nullable=False),  # of the start, UTC, as 2026-11-23
    Column("caller_number", String(128), nullable=False, default=""),
    Column("called_number", String(128), nullable=False, default=""),
    Column("caller_name", String(128), nullable=False, default=""),
    Column("mode", String(16), nullable=False, default=""),
    Column("outcome", String(16), nullable=False, default="live"),  # live, completed, forwarded, failed, lost
    Column("ended_reason", String(64), nullable=False, default=""),
    Column("ended_at", Double, nullable=True),
    Column("seconds", Double, nullable=True),
    Column("turns", Integer, nullable=False, default=0),
    Column("failures", Integer, nullable=False, default=0),
    Column("last_failure", String(64), nullable=False, default=""),
    Column("forwards", Integer, nullable=False, default=0),
    Column("transcript", Text, nullable=False, default=""),  # who said what, a line each; searched in full
    Index("ix_calls_started_at", "started_at"),
    Index("ix_calls_caller_number", "caller_number", "id"),
    Index("ix_calls_called_number", "called_number", "id"),
    Index("ix_calls_outcome", "outcome", "id"),
    Index("ix_calls_failed", "id", sqlite_where=text("failures > 0"), postgresql_where=text("failures > 0")),
)

turns = Table(
    "turns",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("call_sid", String(64), nullable=False),
    Column("turn", Integer, nullable=False),
    Column("called_number", String(128), nullable=False, default=""),
    Column("day", String(10), nullable=False),
    Column("heard", String(32), nullable=False, default=""),
    # Offsets in milliseconds from `received`, the moment the caller's input reached us (see `call.waterfall`).
    Column("stopped_ms", Integer, nullable=True),
    Column("sent_ms", Integer, nullable=True),
    Column("first_byte_ms", Integer, nullable=True),
    Column("first_sentence_ms", Integer, nullable=True),
    Column("answered_ms", Integer, nullable=True),
    Column("sounded_ms", Integer, nullable=True),
    # From the caller's last sound to the answer, on a stream to its first sound at their ear: what a caller waits.
    # What percentiles are taken of.
    Column("total_ms", Integer, nullable=True),
    Column("failure", String(64), nullable=False, default=""),
    UniqueConstraint("call_sid", "turn", name="uq_turns_call_turn"),
    Index("ix_turns_waits", "day", "called_number", "total_ms"),
)

records = Table(
    "records",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("call_sid", String(64), nullable=False, index=True),
    Column("schema", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("entries", Text, nullable=False),  # a JSON array (`call.entries`): all of a call that came in one write
)

tokens = Table(
    "tokens",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of a token of 256 random bits, in hex
    Column("scopes", String(128), nullable=False),  # with spaces in between
    Column("created_at", Double, nullable=False),
    Column("used_at", Double, nullable=True),
    Column("revoked_at", Double, nullable=True),
)

outbox = Table(
    "outbox",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("message_id", String(64), nullable=False, unique=True),  # the receiver's key against doubles
    Column("call_sid", String(64), nullable=False, index=True),
    Column("endpoint", String(64), nullable=False),  # the name of the receiver in the settings
    Column("type", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", Double, nullable=False),
    Column("delivered_at", Double, nullable=True),
    Column("dead", Boolean, nullable=False, default=False),
    Column("last_error", String(256), nullable=False, default=""),
    Index("ix_outbox_due", "dead", "delivered_at", "due_at"),
)
