"""Benchmarks of the gateway, each a module of its own: `make bench` runs them all, RESULTS.md keeps what they said.

Not part of the package and never asserted in tests: the machine decides. Each alternates what it compares in rounds
and gives medians with their range, so that a busy machine costs precision and not truth.
"""
