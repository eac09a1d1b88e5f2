"""How good answers are: what scikit-learn lacks, or what a chapter derives."""

from rnncourse.metrics.consensus import Cider, cider
from rnncourse.metrics.edits import (
    Edits,
    ErrorRate,
    edit_distance,
    label_error_rate,
    word_error_rate,
)
from rnncourse.metrics.forecasts import coverage, interval_score, mase
from rnncourse.metrics.labels import ClassScores, check_labels, class_scores, confusion
from rnncourse.metrics.overlap import Bleu, Rouge, bleu, distinct, rouge_l, rouge_n
from rnncourse.metrics.spans import (
    Entity,
    EntityScores,
    SegmentationScores,
    entities,
    entity_scores,
    entity_tags,
    segmentation_scores,
    split_tag,
)
from rnncourse.metrics.tokens import tokenize_13a, tokenize_zh

__all__ = [
    "Bleu",
    "Cider",
    "ClassScores",
    "Edits",
    "Entity",
    "EntityScores",
    "ErrorRate",
    "Rouge",
    "SegmentationScores",
    "bleu",
    "check_labels",
    "cider",
    "class_scores",
    "confusion",
    "coverage",
    "distinct",
    "edit_distance",
    "entities",
    "entity_scores",
    "entity_tags",
    "interval_score",
    "label_error_rate",
    "mase",
    "rouge_l",
    "rouge_n",
    "segmentation_scores",
    "split_tag",
    "tokenize_13a",
    "tokenize_zh",
    "word_error_rate",
]
