"""Where the videos of an evaluation are judged, if not in this process."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lsap_cli.cluster.session import ClusterSession
from lsap_cli.video.media import Media


@dataclass(frozen=True)
class JudgingCluster:
    """Where the videos of an evaluation are judged.

    Attributes:
        session: of the cluster.
        model: the spec of the classifier.
        hashes: `media_hash` of what is read, by its absolute place; what has none is not compared.
    """

    session: ClusterSession
    model: str
    hashes: Mapping[Media, str] = field(default_factory=dict)

    def of_model(self, model: str) -> "JudgingCluster":
        """The same with another classifier."""
        return replace(self, model=model)
