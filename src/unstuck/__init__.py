"""Train a neural network. When it will not train, find out why by experiment, and prove the cure."""
