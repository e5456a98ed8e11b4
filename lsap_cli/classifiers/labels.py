"""Labels of a classifier, found by what a user, a folder or a list calls them. No torch here."""

import difflib
import re
import unicodedata
from collections.abc import Sequence

from lsap_cli.errors import LsapError


def slug(text: str) -> str:
    """Lower case, runs of anything but letters and digits (of any script) as one `_`, none at the ends."""
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", text).lower()).strip("_")


def _joined(text: str) -> str:
    return slug(text).replace("_", "")


class LabelIndex:
    """Class indices by label. An exact label wins; where there is none, the slug, then the slug without its `_`.

    So `ApplyEyeMakeup` is the label "apply eye makeup".

    Args:
        labels: one a class, in the order of the logits.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = list(labels)
        self._exact: dict[str, list[int]] = {}
        self._slugs: dict[str, list[int]] = {}
        self._joined: dict[str, list[int]] = {}
        for index, label in enumerate(labels):
            self._exact.setdefault(label, []).append(index)
            if slug(label):
                self._slugs.setdefault(slug(label), []).append(index)
                self._joined.setdefault(_joined(label), []).append(index)

    def __len__(self) -> int:
        return len(self._labels)

    def find(self, text: str, where: str) -> int | None:
        """The class that a text names, or None.

        Args:
            text: a label, a folder's name, a cell of a list.
            where: what the text is, for error sentences: "the sub-folder".

        Raises:
            LsapError: if the text fits the labels of several classes equally well; the sentence names them.
        """
        matches = self._exact.get(text) or self._slugs.get(slug(text)) or self._joined.get(_joined(text)) or []
        if len(matches) > 1:
            fitting = " and ".join(f"'{self._labels[index]}' (class {index})" for index in matches[:3])
            raise LsapError(
                f"{where} '{text}' fits {len(matches)} labels of the model: {fitting}; "
                "write one of them exactly, or give the classes different labels"
            )
        return matches[0] if matches else None

    def close_to(self, text: str) -> list[str]:
        """Up to three labels that are written almost like a text."""
        close = difflib.get_close_matches(slug(text), self._slugs, n=3, cutoff=0.4)
        return [self._labels[self._slugs[name][0]] for name in close]


def class_index(text: str, labels: Sequence[str], model: str, flag: str) -> int:
    """The class that a label of the command line names.

    Args:
        text: the label, exactly or by its slug.
        labels: of the classifier.
        model: the classifier's name.
        flag: where the label was given, such as `--target`.

    Raises:
        LsapError: if there is none, or it is ambiguous.
    """
    known = LabelIndex(labels)
    index = known.find(text, flag)
    if index is not None:
        return index
    close = known.close_to(text)
    hint = f"; did you mean {', '.join(close)}?" if close else "; see lsap models show"
    raise LsapError(f"{flag} '{text}' is no label of {model}{hint}")
