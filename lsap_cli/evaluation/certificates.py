"""Certificates of randomized smoothing on videos: how many are certainly right within a perturbation's budget."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from defenses.certify import Certificate, Smoothing
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import skip
from lsap_cli.evaluation.protocol import Evaluation, EvaluationProtocol, NoPrediction
from lsap_cli.results.events import StageEvent, VideoEvent
from lsap_cli.results.line_file import LineFile
from lsap_cli.results.rates import rate
from lsap_cli.results.robustness import CertificateRow, CertifiedVideo
from lsap_cli.video.reading import read_frame_times, read_some_frames
from perturbations.seeds import seeded


@dataclass(frozen=True)
class CertifiedClip:
    """What is certain about a clean video's first clip, with the first sampler."""

    smoothing: str
    video: str
    labels: tuple[int, ...]
    certificate: Certificate
    most: float  # radius that could have been certified at all

    def line(self, names: Sequence[str]) -> CertifiedVideo:
        """The line of certificates.jsonl."""
        certificate = self.certificate
        return CertifiedVideo(
            smoothing=self.smoothing,
            video=self.video,
            label=names[self.labels[0]] if self.labels else None,
            also_accepted=tuple(names[label] for label in self.labels[1:]),
            prediction=None if certificate.label is None else names[certificate.label],
            radius=certificate.radius,
            lower=certificate.lower,
            needed=certificate.needed,
        )


def certify(
    evaluation: Evaluation, smoothings: Mapping[str, Smoothing], videos: Sequence[Video], epsilon: float
) -> list[CertificateRow]:
    """Certificates of randomized smoothing for clean videos; they are written to certificates.jsonl.

    Args:
        evaluation: how videos are classified; its run folder gets the certificates.
        smoothings: by spec.
        videos: that can be read.
        epsilon: the budget, in [0, 1] pixel units.

    Returns:
        One row a smoothing, see `certificate_rows`.

    Raises:
        UnreadableVideo: if a video cannot be read any more.
    """
    if not smoothings:
        return []
    run, names = evaluation.run, evaluation.protocol.classifier.labels
    run.event(StageEvent(name="certifying", videos=len(videos), smoothings=tuple(smoothings)))
    certified: list[CertifiedClip] = []
    with LineFile(run.folder / "certificates.jsonl") as lines:
        for video in videos:
            try:
                video_certificates = list(certify_video(evaluation.protocol, smoothings, video, epsilon))
            except NoPrediction as error:
                skip(run, evaluation.skipped, video, error)
                continue
            certified += video_certificates
            lines.write(*(one.line(names) for one in video_certificates))
            run.event(VideoEvent(path=video.name))
    return certificate_rows(certified)


def certify_video(
    protocol: EvaluationProtocol, smoothings: Mapping[str, Smoothing], video: Video, epsilon: float
) -> Iterator[CertifiedClip]:
    """Certificates of one clean video, against a budget of epsilon in [0, 1] pixel units.

    They are of its first clip: of the center crop, or, where the card has several crops, of the whole frame that they
    are cut from, whose label is that of the crops' mean probabilities.

    Raises:
        UnreadableVideo: if it cannot be read.
        NoPrediction: if the network gives none for a noisy copy of it.
    """
    times = read_frame_times(video.media).times
    indices = protocol.clip_indices(video, protocol.first_sampler, times)[0]
    sampled = indices.unique()
    geometry, crops = protocol.classifier.geometry, protocol.classifier.crops
    small = geometry.shrink(read_some_frames(video.media, sampled))
    small = small if crops > 1 else geometry.crop(small)
    clip = small[torch.searchsorted(sampled, indices)].float() / 255

    def classify(clips: Tensor) -> Tensor:
        cropped = geometry.crops_of(clips.to(protocol.device), crops) if crops > 1 else [clips.to(protocol.device)]
        return torch.stack([protocol.scores(one) for one in cropped]).mean(0).argmax(1)

    for spec, smoothing in smoothings.items():
        generator = seeded(protocol.seed, spec, video.name)
        certificate = smoothing.certify(classify, clip, epsilon, generator, protocol.batch)
        yield CertifiedClip(spec, video.name, video.labels, certificate, smoothing.largest_radius())


def certificate_rows(certified: Sequence[CertifiedClip]) -> list[CertificateRow]:
    """One row for each smoothing; it is vacuous where even noisy copies that all agree could not cover the budget."""
    rows = []
    for spec in dict.fromkeys(one.smoothing for one in certified):
        selected = [one for one in certified if one.smoothing == spec]
        labeled = [one for one in selected if one.labels]
        needed, most = selected[0].certificate.needed, selected[0].most
        rows.append(
            CertificateRow(
                smoothing=spec,
                videos=len(selected),
                abstained=rate([one.certificate.label is None for one in selected]),
                smoothed_accuracy=rate([one.certificate.label in one.labels for one in labeled]),
                certified_accuracy=rate(
                    [one.certificate.label in one.labels and one.certificate.covers for one in labeled]
                ),
                needed_radius=needed,
                median_radius=median(one.certificate.radius for one in selected),
                largest_radius=most,
                vacuous=most < needed,
            )
        )
    return rows
