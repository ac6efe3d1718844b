"""The embedded server and its children: found, started, kept up, ended."""
