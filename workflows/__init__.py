"""What happens next, and survives a crash. Nothing is decided here that was not recorded first."""
