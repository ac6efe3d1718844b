"""The quay has no tools of its own: they are its server's."""
