"""What a fork carries, what it does again, and what that may do twice."""
