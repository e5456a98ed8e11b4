"""Labels of a classifier, found by what the user wrote."""

import difflib

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.listing import slug
from lsap_cli.errors import LsapError


def class_number(text: str, classifier: Classifier, flag: str) -> int:
    """The class that a label names, by its name or its slug.

    Raises:
        LsapError: if there is none.
    """
    numbers = {slug(label): number for number, label in enumerate(classifier.labels)}
    if slug(text) in numbers:
        return numbers[slug(text)]
    close = difflib.get_close_matches(slug(text), numbers, n=3, cutoff=0.4)
    hint = f"; did you mean {', '.join(classifier.labels[numbers[name]] for name in close)}?" if close else ""
    raise LsapError(f"{flag} '{text}' is no label of {classifier.name}{hint or '; see lsap models show'}")
