"""The HTTP API for operators and programs: what happened on calls, and orders into live ones."""
