"""HTML that a reader plays with, made from arrays."""
