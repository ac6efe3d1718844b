"""The process around it all: settings, connection, wiring, command line, dev server, replay."""
