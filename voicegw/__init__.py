"""voicegw lets a Voiceflow agent answer the phone at Twilio."""

__version__ = "0.1.0"
