"""An agent's files: each sort is read here, and held to what it may be."""
