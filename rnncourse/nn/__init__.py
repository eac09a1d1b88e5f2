"""Networks in NumPy: cells, layers, losses, optimizers, each forward and backward."""
