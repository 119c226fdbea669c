"""Changes that may cure, each a pure function from a program to a program; `table` lists them."""
