"""LSAP's temporal coherence: how evenly the frame features of a clip differ from each other.

With unit features u_t of the frames and distances d_ij = |u_i - u_j|, p = softmax over all pairs i < j of
-d_ij / temperature, and the coherence is the entropy -sum p log p. LSAP keeps it, so that a detector that looks for
temporal inconsistency finds nothing; BTC-UAP (Kim et al., ICCV 2023) has the opposite idea, to break it.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Coherence = Literal["keep", "break", "off"]


def temporal_coherence(features: Tensor, temperature: float) -> Tensor:
    """The entropy over pairs of frames, divided by its largest value, the logarithm of the number of pairs.

    Without the division and at temperature 1 it varies by half a nat at most, whatever the number of frames, beside
    a classification loss of several: the "value gap" that LSAP speaks of.

    Args:
        features: (B, T, D), one vector a frame; T at least 3.
        temperature: above 0; lower makes the measure more sensitive.

    Returns:
        (B,) in (0, 1].

    Raises:
        ValueError: if there are fewer than 3 frames, since one pair has no entropy.
    """
    frames = features.shape[1]
    if frames < 3:
        raise ValueError(
            f"the features have {frames} moments in time, and coherence needs at least 3; name a layer from before the "
            "network pools over time"
        )
    units = F.normalize(features.float(), dim=2)
    first, second = torch.triu_indices(frames, frames, 1, device=features.device)
    distances = ((units[:, first] - units[:, second]).square().sum(2) + 1e-8).sqrt()
    logs = F.log_softmax(-distances / temperature, dim=1)
    entropy = -(logs.exp() * logs).sum(1)
    return entropy / torch.log(torch.tensor(float(len(first))))


def coherence_loss(features: Tensor, coherence: Coherence, temperature: float) -> Tensor:
    """What learning makes small to keep the coherence high, or to break it: (B,).

    The clean clips' coherence, which LSAP subtracts, does not depend on delta: it changes no gradient.
    """
    value = temporal_coherence(features, temperature)
    return -value if coherence == "keep" else value
