"""Program → stream of stretches → run."""
