"""recipe.model → Network, plain data from which each engine builds its own."""
