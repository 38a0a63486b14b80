"""Telephone audio as numbers: mulaw, WAV, tones. Knows no clock, no socket, no vendor and no file."""
