"""One phone call, as values and decisions. Pure: knows no clock, no socket, no carrier and no agent platform."""
