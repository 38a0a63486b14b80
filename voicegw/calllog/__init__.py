"""What happened on calls, kept: journal, database, queries, retention. Knows no carrier and no agent platform."""
