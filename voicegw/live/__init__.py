"""The pump of a stream call, carrier-neutral: the session, the turns, speech and realtime, and one timer."""
