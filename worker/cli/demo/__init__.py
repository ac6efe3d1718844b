"""`lockstep demo`: the six failures, live."""
