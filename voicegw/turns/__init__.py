"""Running a turn: one at a time per call, in a task that outlives the webhook; knows no carrier and no agent platform."""
