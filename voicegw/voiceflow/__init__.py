"""Everything that knows Voiceflow: what it says and hears, and the client that carries it."""
