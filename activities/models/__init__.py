"""Models: the contract of one and of who sells it, what is said to it, and what it bills."""
