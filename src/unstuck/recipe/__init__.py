"""What to run: plain data that check themselves."""
