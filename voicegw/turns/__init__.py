"""Running a turn: one at a time per call, in a task that outlives the webhook. Knows no carrier, no agent platform."""
