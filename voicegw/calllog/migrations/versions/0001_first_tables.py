"""The first tables: calls, their turns and records, tokens of the API, the outbox; search over transcripts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# External content: the words alone are kept, the text stays in `calls`. Only what was put in may be taken out again,
# so a transcript that is or was empty is passed over; and the old words go before the new ones come.
_SQLITE_WORDS = (
    "CREATE VIRTUAL TABLE calls_words USING fts5 "
    "(transcript, content='calls', content_rowid='id', tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER calls_words_inserted AFTER INSERT ON calls WHEN new.transcript <> '' BEGIN "
    "INSERT INTO calls_words (rowid, transcript) VALUES (new.id, new.transcript); END",
    "CREATE TRIGGER calls_words_deleted BEFORE DELETE ON calls WHEN old.transcript <> '' BEGIN "
    "INSERT INTO calls_words (calls_words, rowid, transcript) VALUES ('delete', old.id, old.transcript); END",
    "CREATE TRIGGER calls_words_before BEFORE UPDATE OF transcript ON calls WHEN old.transcript <> '' BEGIN "
    "INSERT INTO calls_words (calls_words, rowid, transcript) VALUES ('delete', old.id, old.transcript); END",
    "CREATE TRIGGER calls_words_after AFTER UPDATE OF transcript ON calls WHEN new.transcript <> '' BEGIN "
    "INSERT INTO calls_words (rowid, transcript) VALUES (new.id, new.transcript); END",
)
_POSTGRES_WORDS = ("CREATE INDEX ix_calls_words ON calls USING gin (to_tsvector('simple', transcript))",)


def upgrade() -> None:
    _make_calls()
    _make_turns_and_records()
    _make_tokens_and_outbox()
    for statement in _SQLITE_WORDS if op.get_bind().dialect.name == "sqlite" else _POSTGRES_WORDS:
        op.execute(sa.text(statement))


def _id() -> sa.Column[int]:
    return sa.Column(
        "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True, nullable=False
    )


def _make_calls() -> None:
    op.create_table(
        "calls",
        _id(),
        sa.Column("call_sid", sa.String(64), nullable=False, unique=True),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("caller_number", sa.String(128), nullable=False),
        sa.Column("called_number", sa.String(128), nullable=False),
        sa.Column("caller_name", sa.String(128), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("ended_reason", sa.String(64), nullable=False),
        sa.Column("ended_at", sa.Double, nullable=True),
        sa.Column("seconds", sa.Double, nullable=True),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_failure", sa.String(64), nullable=False),
        sa.Column("forwards", sa.Integer, nullable=False),
        sa.Column("transcript", sa.Text, nullable=False),
    )
    op.create_index("ix_calls_started_at", "calls", ["started_at"])
    op.create_index("ix_calls_caller_number", "calls", ["caller_number", "id"])
    op.create_index("ix_calls_called_number", "calls", ["called_number", "id"])
    op.create_index("ix_calls_outcome", "calls", ["outcome", "id"])
    failed = sa.text("failures > 0")
    op.create_index("ix_calls_failed", "calls", ["id"], sqlite_where=failed, postgresql_where=failed)


def _make_turns_and_records() -> None:
    op.create_table(
        "turns",
        _id(),
        sa.Column("call_sid", sa.String(64), nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("called_number", sa.String(128), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("heard", sa.String(32), nullable=False),
        sa.Column("stopped_ms", sa.Integer, nullable=True),
        sa.Column("sent_ms", sa.Integer, nullable=True),
        sa.Column("first_byte_ms", sa.Integer, nullable=True),
        sa.Column("first_sentence_ms", sa.Integer, nullable=True),
        sa.Column("answered_ms", sa.Integer, nullable=True),
        sa.Column("total_ms", sa.Integer, nullable=True),
        sa.Column("failure", sa.String(64), nullable=False),
        sa.UniqueConstraint("call_sid", "turn", name="uq_turns_call_turn"),
    )
    op.create_index("ix_turns_waits", "turns", ["day", "called_number", "total_ms"])
    op.create_table(
        "records",
        _id(),
        sa.Column("call_sid", sa.String(64), nullable=False),
        sa.Column("schema", sa.Integer, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
    )
    op.create_index("ix_records_call_sid", "records", ["call_sid"])


def _make_tokens_and_outbox() -> None:
    op.create_table(
        "tokens",
        _id(),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.String(128), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("used_at", sa.Double, nullable=True),
        sa.Column("revoked_at", sa.Double, nullable=True),
    )
    op.create_table(
        "outbox",
        _id(),
        sa.Column("message_id", sa.String(64), nullable=False, unique=True),
        sa.Column("call_sid", sa.String(64), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
        sa.Column("delivered_at", sa.Double, nullable=True),
        sa.Column("dead", sa.Boolean, nullable=False),
        sa.Column("last_error", sa.String(256), nullable=False),
    )
    op.create_index("ix_outbox_call_sid", "outbox", ["call_sid"])
    op.create_index("ix_outbox_due", "outbox", ["dead", "delivered_at", "due_at"])
