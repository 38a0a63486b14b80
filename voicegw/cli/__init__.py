"""The command line: `voicegw serve · demo · call · check · twilio`, one file for each command."""

from voicegw.cli.root import app, main

__all__ = ["app", "main"]
