"""Live-call state: stores that keep what must outlive a webhook. All pass one contract test suite."""
