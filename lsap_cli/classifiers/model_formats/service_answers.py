"""The answers of a service: one JSON object with a row of scores, or a label, for each clip."""

import json
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lsap_cli.classifiers.formats import OutputFormat
from lsap_cli.classifiers.labels import LabelIndex
from lsap_cli.errors import LsapError
from lsap_cli.results.text import counted, printable

SHOWN = 200  # characters of a wrong answer


class AnswerReader:
    """Reads answers.

    Args:
        where: the command or the URL, for sentences.
        labels: one a class, in the order of the scores.
        gives: what the service gives.

    Attributes:
        key: that [output] names in the place of `scores` or `labels`; None: it names none.
    """

    def __init__(self, where: str, labels: Sequence[str], gives: OutputFormat) -> None:
        self.key = gives.pick
        self._where, self._labels, self._gives = where, list(labels), gives
        self._index = LabelIndex(labels)

    def scores(self, answer: bytes, clips: int) -> Tensor:
        """The scores of an answer.

        Args:
            answer: JSON text.
            clips: that were sent: its rows.

        Returns:
            (clips, ...) float32 as the service gives them; of labels (clips, classes), 1 for the label, 0 elsewhere.

        Raises:
            LsapError: if it is no such answer; the sentence shows it.
        """
        try:
            document = json.loads(answer)
        except (ValueError, RecursionError):
            raise self._wrong("no JSON", answer) from None
        found = self._found(document, answer)
        if self._gives.kind == "label":
            return self._votes(found if isinstance(found, list) else [found], clips, answer)
        try:
            scores = torch.tensor(found, dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            raise self._wrong("scores that are no table of numbers", answer) from None
        if clips == 1 and scores.ndim < 2 and scores.numel() and not (scores.ndim == 1 and len(scores) == 1):
            scores = scores.reshape(1, -1)  # one row, written without its own brackets
        if scores.ndim == 0 or len(scores) != clips:
            given = counted(len(scores) if scores.ndim else 1, "clip")
            raise self._wrong(f"scores of {given} where {_sent(clips)}", answer)
        return scores

    def _found(self, document: Any, answer: bytes) -> Any:  # any JSON values
        if not isinstance(document, dict):
            raise self._wrong("no JSON object", answer)
        names = (self.key,) if self.key else ("labels", "label") if self._gives.kind == "label" else ("scores",)
        for name in names:
            if name in document:
                return document[name]
        raise self._wrong(
            f"an object without '{names[0]}'; pick in [output] names another key, kind says whether it holds scores or "
            "a label",
            answer,
        )

    def _votes(self, found: list[Any], clips: int, answer: bytes) -> Tensor:  # any JSON values
        if len(found) != clips:
            raise self._wrong(f"{counted(len(found), 'label')} where {_sent(clips)}", answer)
        votes = torch.zeros(clips, len(self._labels))
        for row, one in enumerate(found):
            votes[row, self._class(one, answer)] = 1.0
        return votes

    def _class(self, label: Any, answer: bytes) -> int:  # any JSON value
        if isinstance(label, str):
            index = self._index.find(label, f"the answer of {self._where}")
            if index is not None:
                return index
        elif isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(self._labels):
            return label
        raise self._wrong(
            f"the label {printable(json.dumps(label))[:SHOWN]}, which is none of the {len(self._labels)} of the card",
            answer,
        )

    def _wrong(self, what: str, answer: bytes) -> LsapError:
        text = printable(answer[: 2 * SHOWN].decode("utf-8", "replace").strip())[:SHOWN]
        return LsapError(f"{self._where} gave {what}; its answer begins with: {text or '(nothing)'}", 1)


def _sent(clips: int) -> str:
    return "1 clip was sent" if clips == 1 else f"{clips} clips were sent"
