"""Back-propagation that one can see: a recipe's graph for a few rows, forward and back, each rule in words."""
