"""Does it fit: each question about a plan by itself, before policy is asked."""
