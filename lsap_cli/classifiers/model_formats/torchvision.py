"""`torchvision:NAME` in a model card, which then says what differs from torchvision's own settings."""

from lsap_cli.classifiers.model_formats.base import LoadedNetwork, NetworkRequest
from lsap_cli.classifiers.zoo import load_zoo
from lsap_cli.known_models import PREFIX


def load_torchvision(request: NetworkRequest) -> LoadedNetwork:
    """The network with its own labels, preprocessing and sampler.

    Raises:
        LsapError: as `load_zoo` does.
    """
    made = load_zoo(PREFIX + request.place)
    return LoadedNetwork(
        made.network, made.name, made.labels, made.expects, made.gives, made.sampling, made.source, made.notes
    )
