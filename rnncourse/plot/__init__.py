"""Figures: arrays in, axes out. Nothing here trains a network."""

from rnncourse.plot.cell_lstm import lstm_roads, lstm_tracks
from rnncourse.plot.cell_rnn import rnn_tracks
from rnncourse.plot.curves import dots, gradient_flow, learning_curves
from rnncourse.plot.draw import chinese_font, use_chinese_font
from rnncourse.plot.figures import (
    MAX_GRAPH_STEPS,
    bidirectional_graph,
    gate_traces,
    matrix,
    memory_trace,
    problem_shape,
    unrolled_graph,
)

__all__ = [
    "MAX_GRAPH_STEPS",
    "bidirectional_graph",
    "chinese_font",
    "dots",
    "gate_traces",
    "gradient_flow",
    "learning_curves",
    "lstm_roads",
    "lstm_tracks",
    "matrix",
    "memory_trace",
    "problem_shape",
    "rnn_tracks",
    "unrolled_graph",
    "use_chinese_font",
]
