"""Whose words are these: where each argument comes from, and how far it may be believed."""
