"""What must hold of a plan as a graph: what comes first, what never meets, what flows where."""
