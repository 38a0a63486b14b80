"""Speech-to-speech servers: one file a protocol, over one kind of WebSocket. Knows no carrier and no agent platform."""
