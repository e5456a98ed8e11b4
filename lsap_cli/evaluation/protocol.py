"""One video through everything: attacks x defenses x samplers, on its own frames at their own size.

This is the way that a deployed classifier sees a file: decode, perturb (or read the perturbed file), defend,
sample, resize, crop, classify. `generate` verifies with it, `defend` evaluates with it.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from defenses import Clip, Defense
from defenses.fitting import fit_defense, fittable_part
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.corpora import Corpus
from lsap_cli.evaluation.cost import Cost
from lsap_cli.video.changes import Changes
from lsap_cli.video.reading import FrameReader, UnreadableVideo
from perturbations import Perturbation
from perturbations.adding import to_bytes
from perturbations.samplers import Sampler, lengthened
from perturbations.seeds import seeded

NATIVE_BYTES = 2**29  # frames of one video held at its own size at a time, in bytes
IN_CACHE = 4  # frames that are made numbers of at a time, while the processor has them at hand
FLOATS = 8  # how much larger they are as numbers, with the copies and neighbors that defenses hold


class Attack(Protocol):
    """Where the frames of an attacked video come from."""

    def source(self, video: Video) -> Path:
        """The file that is decoded."""
        ...

    def change(self, frames: Tensor, numbers: Tensor, frame_count: int) -> Tensor:
        """What happens to decoded frames: (S, 3, H, W) uint8, numbered (S,) -> the same shape."""
        ...


@dataclass(frozen=True)
class Clean:
    """No attack: the video as it is."""

    def source(self, video: Video) -> Path:
        return video.path

    def change(self, frames: Tensor, numbers: Tensor, frame_count: int) -> Tensor:
        return frames


@dataclass(frozen=True)
class Added:
    """A perturbation added to the video's frames, in whole levels, as `apply` writes it."""

    perturbation: Perturbation

    def source(self, video: Video) -> Path:
        return video.path

    def change(self, frames: Tensor, numbers: Tensor, frame_count: int) -> Tensor:
        return self.perturbation.add_to_bytes(frames, numbers, frame_count)


@dataclass(frozen=True)
class Written:
    """Perturbed files that exist: what is decoded from them is the attack."""

    files: Mapping[str, Path]

    def source(self, video: Video) -> Path:
        return self.files[video.name]

    def change(self, frames: Tensor, numbers: Tensor, frame_count: int) -> Tensor:
        return frames


def appended_by(attack: Attack) -> int:
    """How many frames an attack lets follow a video's own; a written file has them among its own already."""
    return attack.perturbation.binding.appended if isinstance(attack, Added) else 0


@dataclass(frozen=True)
class Prediction:
    """What the classifier saw in one video under one attack, defense and sampler."""

    attack: str
    defense: str
    sampler: str
    label: int
    milliseconds: float  # of the defense, for this video
    draws: tuple[int, ...] = ()  # behind a random defense: the label of each draw, the first being `label`


class Numbers:
    """Frames for several defenses, made numbers of once for those that, one after the other, need the same ones.

    Attributes:
        frames: (S, 3, H, W) uint8, numbered `have`.
        have: (S,) int64, sorted, each one once.
    """

    def __init__(self, frames: Tensor, have: Tensor) -> None:
        self.frames, self.have = frames, have
        self._needed = torch.empty(0, dtype=torch.int64)
        self._numbers = torch.empty(0)

    def of(self, needed: Tensor) -> Tensor:
        """Some of the frames, (K,) int64 -> (K, 3, H, W) float32 in [0, 1]; not to be changed."""
        if not torch.equal(needed, self._needed):
            self._numbers = torch.empty(0)  # let go of the old ones before new ones are made
            self._numbers = self.frames.new_empty((len(needed), *self.frames.shape[1:]), dtype=torch.float32)
            rows = torch.searchsorted(self.have, needed)
            for made, some in zip(self._numbers.split(IN_CACHE), rows.split(IN_CACHE), strict=True):
                made.copy_(self.frames.index_select(0, some)).div_(255)
            self._needed = needed
        return self._numbers


def _silent(video: Video, share: float) -> None:
    """Where nobody listens."""


@dataclass(frozen=True)
class Judge:
    """How every video is judged.

    Attributes:
        classifier: on its device.
        samplers: by spec.
        defenses: by spec; None stands for no defense.
        attacks: by name.
        views: clips a video, whose probabilities are averaged.
        seed: of samplers that draw; equal for all attacks and defenses, so that outcomes are paired.
        device: where clips are classified.
        batch: clips at a time.
        draws: how often a random defense is drawn for each video; each draw is the same under all attacks.
        measured: defenses whose change to the frames is measured, too, into `changes` under their specs.
        knows: attacks that are meant for some defenses only, with the specs of these; all others go through all.
    """

    classifier: Classifier
    samplers: Mapping[str, Sampler]
    defenses: Mapping[str, Defense | None]
    attacks: Mapping[str, Attack]
    views: int
    seed: int
    device: torch.device
    batch: int = 8
    draws: int = 1
    measured: Collection[str] = ()
    knows: Mapping[str, Collection[str]] = field(default_factory=dict)
    corpora: dict[tuple[str, str], Corpus] = field(default_factory=dict)  # by attack and defense; see `observe`
    changes: dict[str, Changes] = field(default_factory=dict)  # what was done, by whom, to frames that were looked at
    cost: Cost = field(default_factory=Cost)  # of all that was judged
    tell: Callable[[Video, float], None] = _silent  # how much of a video is judged, above 0 to 1, again and again

    def predict(self, video: Video) -> list[Prediction]:
        """All predictions for one video.

        Raises:
            UnreadableVideo: if the video, or a perturbed copy of it, cannot be read.
        """
        by_source: dict[tuple[Path, int], list[str]] = {}
        for name, attack in self.attacks.items():
            by_source.setdefault((attack.source(video), appended_by(attack)), []).append(name)
        with self.cost.of("all"):
            return [
                prediction
                for number, ((path, appended), attacks) in enumerate(by_source.items())
                for prediction in self._predict_file(video, path, appended, attacks, (number, len(by_source)))
            ]

    def observe(self, video: Video) -> None:
        """Lets the defenses that must see a set of videos first look at this one, under every attack.

        Raises:
            UnreadableVideo: if the video, or a perturbed copy of it, cannot be read.
        """
        reels: dict[Path, FrameReader] = {}
        with self.cost.of("all"):
            for spec, defense in self.defenses.items():
                part = None if defense is None else fittable_part(defense)
                if part is None:
                    continue
                for name, attack in self.attacks.items():
                    if spec not in self.specs(name):
                        continue
                    path = attack.source(video)
                    with self.cost.of("decode"):
                        if path not in reels:
                            reels[path] = FrameReader(path)
                        own = len(reels[path].times)
                        count = own + appended_by(attack)
                        numbers = part.evidence_indices(count)
                        native = _with_black(reels[path], numbers)
                    attacked = attack.change(native, numbers, own)
                    corpus = self.corpora.setdefault((name, spec), Corpus(self.seed))
                    with self.cost.of("transform"):
                        corpus.add(video, part.evidence(Clip(attacked.float() / 255, numbers, count)))

    def measure(self, video: Video, defenses: Mapping[str, Defense]) -> dict[str, Changes]:
        """What defenses do to the frames of a clean video that the samplers choose; by name. Nothing is classified.

        Raises:
            UnreadableVideo: if the video cannot be read.
        """
        reel = FrameReader(video.path)
        count = len(reel.times)
        chosen = [self.choose(video, sampler, reel.times).flatten() for sampler in self.samplers.values()]
        drawn = {name: one.draw(seeded(self.seed, "draw", name, video.name, 0)) for name, one in defenses.items()}
        changes = {name: Changes() for name in drawn}
        at_once = self.frames_at_once(reel.height, reel.width)
        for part, needed in parts(torch.cat(chosen).unique(), [None, *drawn.values()], count, at_once):
            native = reel.frames(needed)
            for name, defense in drawn.items():
                for piece, _ in parts(part, [defense], count, at_once // FLOATS):
                    bare, defended = (defended_bytes(one, native, needed, piece, count) for one in (None, defense))
                    changes[name].add(bare, defended)
        return changes

    def specs(self, attack: str) -> list[str]:
        """The defenses that an attack is judged behind."""
        return [spec for spec in self.defenses if spec in self.knows.get(attack, self.defenses)]

    def _defended(
        self, defense: Defense | None, numbers: Numbers, wanted: Tensor, frame_count: int
    ) -> tuple[Tensor, float]:
        """`defended_bytes`, and the seconds that the defense took."""
        if defense is None:
            return defended_bytes(None, numbers.frames, numbers.have, wanted, frame_count), 0.0
        needed = defense.needs(wanted, frame_count)
        ready = numbers.of(needed)
        start = time.perf_counter()
        with self.cost.of("transform"):
            made = _whole_levels(defense, Clip(ready, needed, frame_count), wanted)
        return made, time.perf_counter() - start

    def _alike_together(self, attack: str) -> list[str]:
        """The defenses that an attack is judged behind, those that need the same frames one after the other."""
        return sorted(self.specs(attack), key=lambda spec: getattr(self.defenses[spec], "depends_on", ""))

    def _predict_file(
        self, video: Video, path: Path, appended: int, attacks: Sequence[str], place: tuple[int, int]
    ) -> Iterator[Prediction]:
        """Predictions for the attacks that share one file, which is decoded once (in parts, if it is large).

        `place` is the file's number among those of the video, and how many there are.
        """
        with self.cost.of("decode"):
            reel = FrameReader(path)
        own, times = len(reel.times), lengthened(reel.times, appended)
        count = len(times)
        chosen = {spec: self.choose(video, sampler, times) for spec, sampler in self.samplers.items()}
        wanted = torch.cat([indices.flatten() for indices in chosen.values()]).unique()
        variants = {
            (attack, spec): self._variants(video, attack, spec) for attack in attacks for spec in self.specs(attack)
        }
        shrunk: dict[tuple[str, str], list[list[Tensor]]] = {cell: [[] for _ in variants[cell]] for cell in variants}
        seconds = dict.fromkeys(variants, 0.0)
        everything = [defense for cell in variants.values() for defense in cell] + [None] * bool(self.measured)
        at_once = self.frames_at_once(reel.height, reel.width)
        stretches = list(parts(wanted, everything, count, at_once))
        steps, done = (
            (len(stretches) + 1) * len(variants),
            0,
        )  # each cell once a stretch, and once when it is classified

        def go_on() -> None:
            nonlocal done
            done += 1
            self.tell(video, (place[0] + done / steps) / place[1])

        for part, needed in stretches:
            with self.cost.of("decode"):
                native = _with_black(reel, needed)
            for attack in attacks:
                attacked = self.attacks[attack].change(native, needed, own)
                self.changes.setdefault(attack, Changes()).add(native, attacked)
                numbers = Numbers(attacked, needed)
                for spec in self._alike_together(attack):
                    for draw, defense in enumerate(variants[attack, spec]):
                        for piece, _ in parts(part, [defense], count, at_once // FLOATS):
                            defended, took = self._defended(defense, numbers, piece, count)
                            seconds[attack, spec] += took
                            if spec in self.measured:
                                bare = defended_bytes(None, attacked, needed, piece, count)
                                self.changes.setdefault(spec, Changes()).add(bare, defended)
                            shrunk[attack, spec][draw].append(self.classifier.geometry.shrink(defended))
                    go_on()
        for attack, spec in variants:
            labels = [self._labels(torch.cat(frames), wanted, chosen.values()) for frames in shrunk[attack, spec]]
            go_on()
            milliseconds = seconds[attack, spec] * 1000 / len(labels)
            for sampler, *drawn in zip(chosen, *labels, strict=True):
                is_random = not self._is_deterministic(spec)
                yield Prediction(attack, spec, sampler, drawn[0], milliseconds, tuple(drawn) if is_random else ())

    def _labels(self, shrunk: Tensor, wanted: Tensor, chosen: Iterable[Tensor]) -> list[int]:
        """One class number a sampler, from the frames numbered `wanted`."""
        frames = self.classifier.geometry.crop(shrunk).contiguous()
        indices = torch.cat(list(chosen))
        clips = frames.index_select(0, torch.searchsorted(wanted, indices).flatten())  # whole frames, not byte by byte
        labels: list[int] = self._classify(clips.unflatten(0, indices.shape)).tolist()
        return labels

    def _is_deterministic(self, spec: str) -> bool:
        defense = self.defenses[spec]
        return defense is None or defense.deterministic

    def _variants(self, video: Video, attack: str, spec: str) -> list[Defense | None]:
        """The defense as it works on this video: fitted on the others where it must be, and drawn where it is random."""
        defense = self.defenses[spec]
        if defense is None:
            return [None]
        if (attack, spec) in self.corpora:
            defense = fit_defense(defense, self.corpora[attack, spec].others(video))
        if defense.deterministic:
            return [defense]
        return [defense.draw(seeded(self.seed, "draw", spec, video.name, draw)) for draw in range(self.draws)]

    def choose(self, video: Video, sampler: Sampler, times: Tensor) -> Tensor:
        """(V, T) frame numbers; the same for every attack and defense."""
        generator = seeded(self.seed, "clips", video.name)
        return sampler.choose(times, self.classifier.frames, self.views, generator)

    def frames_at_once(self, height: int, width: int) -> int:
        """How many frames of that size are held at a time, as bytes; a part of that as numbers (see `FLOATS`)."""
        return max(1, NATIVE_BYTES // (height * width * 3))

    def _classify(self, clips: Tensor) -> Tensor:
        """(samplers * V, T, 3, h, w) uint8 -> one class number a sampler, by the mean of the views' probabilities."""
        probabilities = self.probabilities(clips)
        return probabilities.view(-1, self.views, probabilities.shape[1]).mean(1).argmax(1)

    def probabilities(self, clips: Tensor) -> Tensor:
        """(B, T, 3, h, w) uint8 -> (B, classes) float32, on the CPU."""
        with self.cost.of("network"), torch.inference_mode():
            return torch.cat(
                [
                    self.classifier.score(part.to(self.device).float().div_(255)).softmax(1).cpu()
                    for part in clips.split(self.batch)
                ]
            )


def _with_black(reel: FrameReader, numbers: Tensor) -> Tensor:
    """Frames by number, (K, 3, H, W) uint8; those past the video's own are black, for others to be added to them."""
    own = len(reel.times)
    inside = numbers[numbers < own]
    if len(inside) == len(numbers):
        return reel.frames(numbers)
    frames = reel.frames(inside if len(inside) else torch.tensor([own - 1]))
    black = torch.zeros(len(numbers) - len(inside), *frames.shape[1:], dtype=torch.uint8)
    return torch.cat([frames[: len(inside)], black])


def defended_bytes(defense: Defense | None, frames: Tensor, have: Tensor, wanted: Tensor, frame_count: int) -> Tensor:
    """The defended video's frames at `wanted`, in whole levels: (len(wanted), 3, H, W) uint8.

    Args:
        defense: None: the frames as they are.
        frames: (S, 3, H, W) uint8, numbered `have`.
        have: (S,) int64, sorted, each one once, at least what the defense needs.
        wanted: (K,) int64, sorted, each one once.
        frame_count: frames of the whole video.
    """
    if defense is None:
        return _numbered(frames, have, wanted)
    needed = defense.needs(wanted, frame_count)
    return _whole_levels(defense, Clip(Numbers(frames, have).of(needed), needed, frame_count), wanted)


def _numbered(frames: Tensor, have: Tensor, wanted: Tensor) -> Tensor:
    """Those of the frames, numbered `have`, that are wanted; all of them, not copied, if all are. Both without repeats."""
    return frames if len(have) == len(wanted) else frames.index_select(0, torch.searchsorted(have, wanted))


def _whole_levels(defense: Defense, clip: Clip, wanted: Tensor) -> Tensor:
    """What a defense makes of a clip, as bytes, with the colors of a pixel side by side, which a resize is fastest with.

    Frame by frame, so that a frame stays in the processor's cache.
    """
    defended = defense.defend(clip, wanted)
    count, colors, height, width = defended.shape
    levels = torch.empty(count, height, width, colors, dtype=torch.uint8)
    for made, frame in zip(levels, defended, strict=True):
        torch.stack(to_bytes(frame).unbind(), -1, out=made)
    return levels.permute(0, 3, 1, 2)


def _needs(defense: Defense | None, indices: Tensor, frame_count: int) -> Tensor:
    return indices if defense is None else defense.needs(indices, frame_count)


def parts(
    wanted: Tensor, defenses: Sequence[Defense | None], frame_count: int, most: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Splits the wanted frames until each part needs no more than `most` source frames: (wanted, needed).

    What both sides of a split need is made twice; so it is split where they share least, and not where that would not help.
    """

    def needed(some: Tensor) -> Tensor:
        numbers: Tensor = torch.cat([_needs(defense, some, frame_count) for defense in defenses]).unique()
        return numbers

    def sizes(place: int) -> tuple[int, int]:
        return len(needed(wanted[:place])), len(needed(wanted[place:]))

    whole = needed(wanted)
    middle = len(wanted) // 2
    if len(whole) > most and middle:
        place = middle
        if sum(sizes(place)) > len(whole):
            from_the_middle = sorted(range(1, len(wanted)), key=lambda one: abs(one - middle))
            place = min(from_the_middle, key=lambda one: sum(sizes(one)))  # the first of equal ones
        if max(sizes(place)) < len(whole):
            for some in (wanted[:place], wanted[place:]):
                yield from parts(some, defenses, frame_count, most)
            return
    yield wanted, whole


def judge_all(
    judge: Judge, videos: Sequence[Video], done: Collection[str] = ()
) -> Iterator[tuple[Video, list[Prediction] | UnreadableVideo]]:
    """Each video's predictions, or why it cannot be judged.

    Args:
        judge: how.
        videos: which.
        done: names of videos that were judged before: they are only shown to defenses that look at a set of videos.
    """
    for video in videos:
        with suppress(UnreadableVideo):  # it is named below
            judge.observe(video)
    for video in videos:
        if video.name in done:
            continue
        try:
            yield video, judge.predict(video)
        except UnreadableVideo as error:
            yield video, error
