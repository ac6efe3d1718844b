"""Effects: each is promised in `contract`, and kept in a file of its own."""
