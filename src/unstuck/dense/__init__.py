"""Our engine from first principles: layers, losses and optimizers written out, compiled by numba."""
