"""Text: tokens, segmentation, n-grams, classifiers, sampling, word vectors."""
