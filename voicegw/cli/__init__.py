"""The command line `voicegw`: one file for each of its commands."""

from voicegw.cli.root import app, main

__all__ = ["app", "main"]
