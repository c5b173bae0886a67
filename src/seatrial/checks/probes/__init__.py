"""Programs that a source runs as a command of their own, since they need more than the standard library."""
