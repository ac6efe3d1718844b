"""Policy decided by Cedar: the texts become rules, the world a schema, and a request a verdict."""
