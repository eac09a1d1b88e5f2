"""What the two editions must have in common, and the texts taken from them."""
