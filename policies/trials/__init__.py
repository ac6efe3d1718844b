"""Policy tried: on cases that somebody wrote, against another policy, on what really happened."""
