"""What happened, read from histories alone."""
