"""Figures of networks with two classes, such as detectors of an event: AUC and both kinds of errors, with intervals."""

from collections.abc import Sequence

import numpy as np

from lsap_cli.evaluation.bootstrap import estimate
from lsap_cli.evaluation.detection_rows import Ranking
from lsap_cli.evaluation.records import classes_of
from lsap_cli.results.base import UNSET, UnsetType
from lsap_cli.results.rates import Estimate, rate
from lsap_cli.results.records import Record
from lsap_cli.results.rows import TwoClassRates

POSITIVE = 1  # the class that a large output means


def two_class_rates(records: Sequence[Record], threshold: float) -> TwoClassRates | UnsetType:
    """The figures of one cell; unset where the network has other than two classes, or no video a label.

    Args:
        records: of the cell.
        threshold: the probability of the second class from which on a video counts as positive.
    """
    scored = [
        (classes_of(one).labels[0] == POSITIVE, one.positive_probability, one.recording)
        for one in records
        if not isinstance(one.positive_probability, UnsetType) and classes_of(one).labels
    ]
    positive = (one.label for one in records if classes_of(one).labels[:1] == (POSITIVE,))
    return two_class_figures(scored, threshold, next(positive, None)) if scored else UNSET


def two_class_figures(
    scored: Sequence[tuple[bool, float, str]], threshold: float, positive: str | None
) -> TwoClassRates:
    """AUC and both kinds of errors.

    Args:
        scored: of each labelled video: whether it is positive, the probability of the second class, its recording.
        threshold: the probability from which on a video counts as positive.
        positive: the name of the second class.
    """
    return TwoClassRates(
        threshold=threshold,
        positive=positive,
        auc=_auc(scored),
        false_negatives=rate([value < threshold for positive, value, _ in scored if positive]),
        false_positives=rate([value >= threshold for positive, value, _ in scored if not positive]),
    )


def _auc(scored: Sequence[tuple[bool, float, str]]) -> Estimate | None:
    """The area under the ROC curve, with the bootstrap's interval over recordings."""
    truth = np.asarray([positive for positive, _, _ in scored])
    if truth.all() or not truth.any():
        return None
    ranking = Ranking.of(truth, np.asarray([value for _, value, _ in scored], dtype=float))
    recordings = [recording for _, _, recording in scored]
    own = ranking.figures(np.ones((1, len(scored)), dtype=np.int64))["auc"]
    drawn = ranking.drawn_figures(recordings)["auc"]
    return estimate(float(own[0]), drawn, len(set(recordings)))
