"""Records in words and as rows of a table."""

from collections.abc import Iterable

from rich.text import Text

from lsap_cli.dashboard.formatting import DASH, name_text, one_line
from lsap_cli.results.base import or_none
from lsap_cli.results.records import Record

DRAWN = "▣"  # a video of which the run has pictures


def fooled_first(records: Iterable[Record]) -> list[Record]:
    """Changed predictions first, wrong ones of them first; then by name."""
    return sorted(records, key=lambda one: (not one.changed, one.correct is not False, one.video))


def outcome_words(one: Record) -> str:
    """Whether the prediction changed, and whether it is right."""
    fooled = "changed" if one.changed else "same"
    return fooled if one.correct is None else f"{'right' if one.correct else 'WRONG'}, {fooled}"


def prediction_words(one: Record) -> str:
    """All that is known of a video's prediction: what came of it first, then before and after, then its label."""
    before = _with_confidence(one.clean_prediction, None)
    now = _with_confidence(one.prediction, or_none(one.confidence))
    label = f"; label {one_line(one.label, 24)}" if one.label else ""
    return f"{outcome_words(one)}: clean {before} → {now}{label}"


def record_cells(one: Record, drawn: bool) -> list[Text]:
    """A video's row: names are cut in their middle."""
    confidence = or_none(one.confidence)
    labels = [name_text(label, 18) for label in (one.prediction, one.label or DASH, one.clean_prediction)]
    sure = Text(DASH if confidence is None else f"{confidence:.2f}", justify="right")
    mark = Text(f"{DRAWN} " if drawn else "  ")
    return [mark.append_text(name_text(one.video, 32)), Text(outcome_words(one)), labels[0], sure, *labels[1:]]


def _with_confidence(label: str, confidence: float | None) -> str:
    return one_line(label, 24) + (f" {confidence:.2f}" if confidence is not None else "")
