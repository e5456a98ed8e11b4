from pathlib import Path

import pytest
import torch

from lsap_cli.classifiers.classifier import in_batches
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.store import FrameStore, StoredVideo


@pytest.mark.real
@pytest.mark.slow
def test_the_real_network_is_right_on_about_32_of_the_39_real_clips(shared: Path) -> None:
    classifier = load_classifier(str(shared / "models" / "movinet_a0" / "model.toml"))
    videos = list_videos(shared / "clips" / "clips.csv", classifier.labels).videos
    right = near = 0
    with FrameStore(classifier.geometry.shrink, 2**30, workers=2) as store:
        for video, stored in store.load(videos):
            assert isinstance(stored, StoredVideo)
            indices = classifier.sampler.choose(stored.times, classifier.frames, 1, torch.Generator())
            clips = classifier.geometry.crop(stored.clip(indices[0]))[None]
            best = in_batches(classifier.score, clips, 1)[0].topk(5).indices.tolist()
            right += best[0] in video.labels
            near += not set(best).isdisjoint(video.labels)
    assert len(videos) == 39
    assert abs(right - 32) <= 1  # two clips stand on the edge: how a frame is resized decides them
    assert near >= 38  # 39 in the top five
