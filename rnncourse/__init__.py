"""Companion package of a course on recurrent neural networks.

Every equation of the book is a function here, and every function is tested
against finite differences, PyTorch and Keras.

Import the module you need: ``from rnncourse.nn import cells``. Importing the
package itself loads neither PyTorch, TensorFlow nor Matplotlib.
"""

__version__ = "0.1.0"
