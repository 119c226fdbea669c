"""The fault bench: programs with a known fault, healthy controls, and what unstuck and two rivals say of them."""
