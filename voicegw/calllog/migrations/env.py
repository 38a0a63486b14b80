"""Run by Alembic: carries the migrations out on the connection, and in the transaction, that `calllog.revisions` gives.

A developer's `alembic revision --autogenerate` hands one in the same way.
"""

from alembic import context

from voicegw.calllog.full_text import is_of_full_text
from voicegw.calllog.schema import METADATA


def _is_ours(_thing: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
    return not is_of_full_text(name or "", kind)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    include_object=_is_ours,
    transactional_ddl=True,  # SQLite's too: `calllog.database` begins transactions itself
    render_as_batch=True,  # SQLite changes a column only by copying its table
)
with context.begin_transaction():
    context.run_migrations()
