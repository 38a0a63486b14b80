"""The carrier's side of `<Connect><Stream>`: socket messages, playout, the caller's ear and mouth, and their report."""
