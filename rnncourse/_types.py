"""The words of the package's annotations."""

import numpy as np

Array = np.ndarray
Params = dict[str, Array]  # of a layer or a cell, by name: W_x, W_h, b, …
State = Array | tuple[Array, ...]  # of a cell: one array, or several as the LSTM's (h, c)
