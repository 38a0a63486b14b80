"""How the call log's tables came to be what they are, a file for each step (Alembic)."""
