"""Whether a worker of a cluster has loaded the classifier that the command has."""

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.weights import tensors_hash
from lsap_cli.errors import LsapError


def classifier_fingerprint(classifier: Classifier) -> str:
    """What makes two loaded classifiers the same: parameters, buffers and labels."""
    return f"{tensors_hash(classifier.network.state_dict())} {' '.join(classifier.labels)}"


def require_same_classifier(classifier: Classifier, fingerprint: str, spec: str) -> None:
    """Refuses a classifier that is another here.

    Args:
        classifier: as it was loaded by a worker.
        fingerprint: of the command's.
        spec: that it was loaded from.

    Raises:
        LsapError: naming it.
    """
    if classifier_fingerprint(classifier) != fingerprint:
        raise LsapError(
            f"a worker loads another network from {spec} than the command did: its files differ there, or what builds "
            "it draws numbers at random; seed it, or name weights in its card", 1
        )  # fmt: skip
