"""What workflows may ask of the world, and nothing of how it is done: a promise in each file.

Workflows import these files and never an implementation: it is what keeps the policy engine, the
tools and every SDK out of the workflow sandbox. Each promise is an abstract method, so a type
checker holds both sides to it.

A step is not in here: its activity is called by its tool's name, takes one `Dispatch` and
returns one `Report` (see `activities/perform.py`).
"""
