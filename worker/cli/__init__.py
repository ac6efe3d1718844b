"""The command line: one file a command, thin over the modules beside this folder."""
