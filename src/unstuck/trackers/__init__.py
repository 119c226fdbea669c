"""Logs for other tools: each consumes the stretches of a training, and changes nothing of it."""
