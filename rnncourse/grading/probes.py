"""What probes say of a function that trains a network; every message is (English, Chinese).

A probe is one more look at the function, or one more call with arguments that were changed on
purpose: see `training`. A solution may replace a text, and add texts for groups of test rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnncourse.grading.differences import Text

Inputs = dict[str, Any]

# What is returned is no prediction at all.
FORM: dict[str, Text] = {
    "shape": (
        "the predictions need one entry for each row of x_test, in its order",
        "预测结果要与 x_test 的各行一一对应，次序相同",
    ),
    "not-finite": (
        "some predictions are NaN or infinite: the training has diverged. Lower the learning "
        "rate, or clip the gradients",
        "预测结果里有 NaN 或无穷大，说明训练已经发散。请降低学习率，或者裁剪梯度",
    ),
    "not-classes": (
        "these are scores or probabilities; return the class itself, the one with the largest "
        "score: argmax(axis=-1)",
        "这些是得分或概率；应当返回类别本身，也就是得分最大的那一类：argmax(axis=-1)",
    ),
    "other-labels": (
        "some predictions are values that y_train does not have; return its own labels",
        "有些预测值在 y_train 里没有出现过；应当返回 y_train 里的那些标签",
    ),
}
# Points that are not deserved: they are not given.
REFUSED: dict[str, Text] = {
    "leak": (
        "the predictions for some rows of x_test change when the other rows are replaced. Predict "
        "each row by itself: means and deviations come from x_train, and no state may pass from "
        "one row to the next",
        "换掉 x_test 的另一些行，这些行的预测也跟着变了。每一行都要单独预测："
        "均值和标准差要从 x_train 计算，状态也不能从一行传到下一行",
    ),
    "labels-unused": (
        "the labels in y_train were exchanged for others, and the predictions stayed as they were, "
        "so they do not come from there. Only what is learned from the examples earns points",
        "把 y_train 里的标签换成别的以后，预测结果还和原来一样，可见答案不是从那里学来的。"
        "只有从样本里学到的东西才能得分",
    ),
}
# Why points were lost.
REASONS: dict[str, Text] = {
    "unseeded": (
        "the same arguments gave other predictions the second time, and the worst ones count. "
        "Make the generator inside the function: rng = np.random.default_rng(0)",
        "用同样的参数调用第二次，预测结果变了，评分以最差的一次为准。"
        "请在函数里面建立随机数生成器：rng = np.random.default_rng(0)",
    ),
    "constant": (
        "the prediction is the same for every row: nothing has been learned. Print the loss after "
        "each epoch; if it does not fall, look at the learning rate and at the gradients",
        "对每一行的预测都一样，说明什么也没有学到。请打印每一轮之后的损失；"
        "如果损失不下降，就检查学习率和梯度",
    ),
    "untrained": (
        "the function does not fit even its own training examples. Print the loss after each "
        "epoch; if it does not fall, look at the learning rate, at the gradients, and at whether "
        "each label still belongs to its row",
        "函数连自己的训练样本都没有拟合好。请打印每一轮之后的损失；"
        "如果损失不下降，就检查学习率、梯度，以及每个标签是否还对应自己那一行",
    ),
    "overfitted": (
        "the function knows its training examples and fails on others: it has learned them by "
        "heart. Train on all of them, for fewer epochs, or with a smaller network",
        "函数对训练样本很准，对别的样本却不行，说明它只是背下了训练样本。"
        "请用全部样本训练，减少轮数，或者用小一些的网络",
    ),
}
TEXTS = FORM | REFUSED | REASONS


def rows_of(inputs: Inputs) -> list[str]:
    """The arguments that have a row for each test example."""
    return [name for name in inputs if name.endswith("_test")]


def partner(name: str) -> str:
    """The training examples' argument that corresponds to one of the test's."""
    return name.removesuffix("_test") + "_train"


def others_replaced(inputs: Inputs, kept: np.ndarray) -> Inputs:
    """The same with all test rows but `kept` replaced by one row of extreme values.

    Each of its entries is the largest that this entry has in the training examples, so that it is
    valid wherever they are, and far from an average row: what is computed from all of `x_test`
    moves far.
    """
    changed = dict(inputs)
    for name in rows_of(inputs):
        rows = np.array(inputs[name])
        rest = np.setdiff1d(np.arange(len(rows)), kept)
        rows[rest] = np.fmax.reduce(inputs[partner(name)], axis=0)
        changed[name] = rows
    return changed


def labels_exchanged(inputs: Inputs, classes: bool) -> Inputs:
    """The same with each class called by the next one's label, or each number reflected.

    What was learned from the labels then contradicts the truth; on shuffled labels it could agree
    by luck, where one feature separates the classes.
    """
    labels = inputs["y_train"]
    if classes:
        known, places = np.unique(labels, return_inverse=True)
        other = known[(places.reshape(labels.shape) + 1) % len(known)]
    else:
        other = labels.min() + labels.max() - labels
    return inputs | {"y_train": other}


def examples_as_test(inputs: Inputs) -> Inputs:
    """The same with training examples in place of the test's, as many as these at most."""
    count = min(len(inputs["y_train"]), *(len(inputs[name]) for name in rows_of(inputs)))
    return inputs | {name: inputs[partner(name)][:count] for name in rows_of(inputs)}
