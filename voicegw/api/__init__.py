"""The operator's HTTP API: calls past and live, behind bearer tokens with scopes."""
