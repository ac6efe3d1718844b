"""From a plan to a lock and back, and whether a lock still holds."""
