"""Word vectors: word2vec, a neural language model of windows, and what can be asked of vectors."""
