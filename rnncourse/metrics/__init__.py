"""How good answers are: what scikit-learn lacks, or what a chapter derives."""

from rnncourse.metrics.edits import (
    Edits,
    ErrorRate,
    edit_distance,
    label_error_rate,
    word_error_rate,
)
from rnncourse.metrics.forecasts import coverage, interval_score, mase
from rnncourse.metrics.labels import ClassScores, check_labels, class_scores, confusion
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

__all__ = [
    "ClassScores",
    "Edits",
    "Entity",
    "EntityScores",
    "ErrorRate",
    "SegmentationScores",
    "check_labels",
    "class_scores",
    "confusion",
    "coverage",
    "edit_distance",
    "entities",
    "entity_scores",
    "entity_tags",
    "interval_score",
    "label_error_rate",
    "mase",
    "segmentation_scores",
    "split_tag",
    "word_error_rate",
]
