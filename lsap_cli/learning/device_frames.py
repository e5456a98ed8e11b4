"""The frames of all training videos where clips are gathered from: on the GPU where they fit, else in the store."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.datasets.store import StoredVideo

DEVICE_SHARE = 0.5  # of a GPU's free memory, for the frames of all videos


class DeviceFrames:
    """The frames of all videos at the network's size: on a GPU where they fit in half of its free memory.

    Args:
        videos: decoded.
        geometry: of the classifier, for the crop.
        device: where clips go.
    """

    def __init__(self, videos: Sequence[StoredVideo], geometry: Geometry, device: torch.device) -> None:
        self._device = device
        self._views = [geometry.crop(one.frames.permute(0, 3, 1, 2)) for one in videos]
        self._all: Tensor | None = None
        if device.type == "cuda" and self._bytes() < DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]:
            self._all = torch.cat([view.to(device) for view in self._views])
        lengths = [len(view) for view in self._views]
        self._starts = torch.tensor([0, *lengths[:-1]]).cumsum(0)
        self._lengths = torch.tensor(lengths)

    @property
    def on_device(self) -> bool:
        """Whether clips are gathered on the device, without a copy from the host."""
        return self._all is not None or self._device.type == "cpu"

    def gather(self, videos: Sequence[int], indices: Tensor) -> Tensor:
        """Clips: (B, S) frame indices of these videos -> (B, S, 3, h, w) uint8 on the device.

        Indices past a video's end, where frames are appended to it, give its last frame.
        """
        chosen = torch.tensor(videos)
        inside = torch.minimum(indices, self._lengths[chosen][:, None] - 1)
        if self._all is not None:
            return self._all[(inside + self._starts[chosen][:, None]).to(self._device, non_blocking=True)]
        _, colors, height, width = self._views[0].shape
        clips = torch.empty(*inside.shape, height, width, colors, dtype=torch.uint8)
        for clip, video, row in zip(clips, videos, inside, strict=True):
            # whole frames as they lie in memory, which indexing would copy byte by byte
            torch.index_select(self._views[video].permute(0, 2, 3, 1), 0, row, out=clip)
        return clips.permute(0, 1, 4, 2, 3).to(self._device, non_blocking=True)

    def _bytes(self) -> int:
        return sum(view.numel() for view in self._views)
