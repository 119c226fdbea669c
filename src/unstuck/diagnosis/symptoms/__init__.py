"""What is seen: pure functions of the evidence, each with its limit and where the limit comes from."""
