"""lsap beside other projects' universal perturbations: same network, same fit videos, same seconds of the processor.

    python benchmarks/peers/compare.py --model model.toml --videos clips.csv --seconds 170 --work work/ \\
        --vcr-bench vcr-bench/ --out benchmarks/results/peers_movinet_cpu.json

The videos are dealt into folds by recording; each is judged by what was learned from the other folds. Everything runs
on one thread, and seconds are those of the processor. Judged twice: as lsap judges a perturbation file (worst of three
samplers), where a peer's delta is put into the video in whichever of six ways changes most predictions of *fit* videos;
and by the peers' own protocol, added to the sampled clip at the network's size, in memory.

The packages are the reader's: README.md beside this file pins them. What is not installed is named in the table. Rows
that are in `--out` already are kept; the same command goes on where it was stopped.
"""

import argparse
import json
import platform
import random
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from art_universal import ArtUniversal
from given import CpuClock, Given, NotInstalled, Peer
from judging import (
    AddedInMemory,
    as_file,
    best_way,
    clip_of,
    judged_samplers,
    linf_budget,
    outcomes_in_files,
    outcomes_in_memory,
    own_clips,
    worst,
)
from lsap_methods import METHODS, LsapMethod, learn_with_lsap
from rai_universal import RaiUniversal
from vcr import VcrUap, perturbed_one_by_one

from lsap_cli.classifiers import Classifier
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.splits import merged_groups
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.learning.settings import FITTED_SAMPLERS, GenerateSettings
from lsap_cli.results.rates import Rate, paired, rate_of
from lsap_cli.results.records import NOISE
from lsap_cli.runs.memory import keep_memory
from lsap_cli.set_sources import SetSource
from lsap_cli.specs import build_samplers
from lsap_cli.video.media import media_hash
from perturbations.seeds import seeded

IFGSM = "VCR-Bench I-FGSM"
IFGSM_CANNOT = "a delta for each clip by itself: it has nothing for an unseen video, so there is no file"
LSAP = METHODS[0].name
PACKAGES = ("adversarial-robustness-toolbox", "rai-toolbox", "torch")
Row = dict[str, Any]  # of the JSON file


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    keep_memory()
    classifier = load_classifier(options.model)
    result: dict[str, Any] = json.loads(options.out.read_text()) if options.out.exists() else {"rows": []}
    result |= {
        "command": "benchmarks/peers/compare.py", "seconds": options.seconds, "epsilon": options.epsilon,
        "model": classifier.name, "folds": options.folds, "samplers": judged_samplers(classifier),
        "versions": {name: _version(name) for name in PACKAGES}, "platform": platform.platform(),
    }  # fmt: skip
    missing: dict[str, str] = {}
    with FrameStore(classifier.geometry.shrink, 2**31, 1) as store:
        videos = load_videos(store, classifier, options.videos)
        for number, (fit, test) in enumerate(dealt(videos, options.folds, options.deal)):
            if options.only_fold is not None and number != options.only_fold:
                continue
            for seed in range(options.seed, options.seed + options.seeds):
                fold = Fold(options, classifier, fit, test, number, seed)
                for name, make in fold.rows().items():
                    asked = {
                        "method": name, "fold": number, "seed": seed, "seconds": options.seconds, "deal": options.deal,
                        "epsilon": options.epsilon, "model": classifier.name, "of_folds": options.folds,
                    }  # fmt: skip
                    if any(asked.items() <= row.items() for row in result["rows"]):
                        continue
                    try:
                        row = asked | make()
                    except NotInstalled as error:
                        missing[name] = str(error)
                        continue
                    result["rows"].append(row)
                    options.out.write_text(json.dumps(result, indent=1) + "\n")
                    print(f"fold {number}, seed {seed}, {name}: {said(row)}", flush=True)
    asked = {"seconds": options.seconds, "deal": options.deal, "epsilon": options.epsilon, "model": classifier.name}
    rows = [row for row in result["rows"] if asked.items() <= row.items()]
    print(f"\n{table(rows)}")
    for name, reason in missing.items():
        print(f"| {name} | – | – | not run: {reason} | – | – | – | – |")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a model card, or a name that lsap knows")
    parser.add_argument("--videos", required=True, help="a folder or a list of videos")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, required=True, help="a folder for perturbation files and run folders")
    parser.add_argument("--seconds", type=float, default=170.0, help="of the processor, for each method")
    parser.add_argument("--epsilon", default="8/255")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--only-fold", type=int, help="number of the only fold that is done")
    parser.add_argument("--deal", type=int, default=0, help="seed of the order in which recordings are dealt")
    parser.add_argument("--seed", type=int, default=0, help="of the first repetition")
    parser.add_argument("--seeds", type=int, default=1, help="repetitions")
    parser.add_argument("--vcr-bench", type=Path, default=Path("vcr-bench"), help="a checkout of its repository")
    parser.add_argument("--method", action="append", help="only these, by the first word of their names in the table")
    options = parser.parse_args()
    if options.folds < 2:
        parser.error("--folds needs at least 2: what is learned from all videos has none left to be judged on")
    return options


def load_videos(store: FrameStore, classifier: Classifier, source: str) -> list[StoredVideo]:
    """All videos of a set, decoded; one that cannot be read ends the comparison."""
    listed = list_videos(SetSource.parse(source), classifier.labels).videos
    found = []
    for video, stored in store.load(listed):
        if not isinstance(stored, StoredVideo):
            raise SystemExit(f"{video.name} cannot be read: {stored}")
        found.append(stored)
    return found


def dealt(videos: Sequence[StoredVideo], folds: int, seed: int) -> list[tuple[list[StoredVideo], list[StoredVideo]]]:
    """Of each fold, the videos to learn from and those that are judged; no recording is on both sides."""
    groups = merged_groups([one.video for one in videos], [media_hash(one.video.media) for one in videos])
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    if len(names) < folds:
        raise SystemExit(f"--folds {folds} is more than there are recordings ({len(names)})")
    parts = []
    for number in range(folds):
        chosen = set(names[number::folds])
        sides = zip(videos, groups, strict=True)
        test = [one for one, group in sides if group in chosen]
        parts.append(([one for one in videos if one not in test], test))
    return parts


class Fold:
    """One fold with one seed: what each method learns from its fit videos, judged on the others.

    Args:
        options: of the command.
        classifier: the network.
        fit: videos to learn from.
        test: videos to judge.
        number: of the fold.
        seed: of what methods and samplers draw.
    """

    def __init__(
        self, options: argparse.Namespace, classifier: Classifier, fit: list[StoredVideo], test: list[StoredVideo],
        number: int, seed: int,
    ) -> None:  # fmt: skip
        self._options, self._classifier, self._fit, self._test, self._seed = options, classifier, fit, test, seed
        self._folder = options.work / f"fold-{number}-seed-{seed}-{options.seconds:g}s"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._budget = linf_budget(options.epsilon)
        self._given: Given | None = None

    def rows(self) -> dict[str, Callable[[], Row]]:
        """What makes the row of each method."""
        peers: list[Peer] = [RaiUniversal(), ArtUniversal(), VcrUap(self._options.vcr_bench)]
        made: dict[str, Callable[[], Row]] = {one.name: partial(self._of_lsap, one) for one in METHODS}
        made |= {one.name: partial(self._of_peer, one) for one in peers}
        made[IFGSM] = self._of_ifgsm
        chosen = self._options.method
        return {name: make for name, make in made.items() if chosen is None or any(map(name.startswith, chosen))}

    def _of_lsap(self, method: LsapMethod) -> Row:
        settings = GenerateSettings("", self._options.model, "", epsilon=self._options.epsilon, seed=self._seed)
        found = learn_with_lsap(
            method,
            settings,
            self._classifier,
            self._fit,
            self._options.seconds,
            self._folder / f"learn-{method.attack}",
        )
        found.perturbation.save(self._folder / f"{method.attack}.safetensors")
        tested = [one.video for one in self._test]
        controls = [NOISE] if method.name == LSAP else []
        outcomes, noise = outcomes_in_files(
            found.perturbation, self._classifier, tested, self._seed, self._folder / "judge", controls
        )
        return {
            "cpu_seconds": round(found.cpu_seconds, 1), "looks": found.looks,
            "way": f"{found.perturbation.binding}, {found.perturbation.resize}", "cannot": method.cannot,
            "file": outcomes, "memory": self._in_memory(AddedInMemory(self._classifier, found.perturbation)),
        } | ({"noise": noise} if controls else {})  # fmt: skip

    def _of_peer(self, peer: Peer) -> Row:
        learned = peer.learn(self.given)
        way = best_way(learned.delta, self._budget, self._classifier, self._fit, self._seed, self._folder / "ways")
        perturbation = as_file(learned.delta, way, self._budget, self._classifier, self._fit)
        perturbation.save(self._folder / f"{peer.name.split()[0].lower()}.safetensors")
        outcomes, _ = outcomes_in_files(
            perturbation, self._classifier, [one.video for one in self._test], self._seed, self._folder / "judge"
        )
        return {
            "cpu_seconds": round(learned.cpu_seconds, 1), "looks": learned.looks, "way": str(way),
            "cannot": peer.cannot, "file": outcomes,
            "memory": self._in_memory(AddedInMemory(self._classifier, learned.delta)),
        }  # fmt: skip

    def _of_ifgsm(self) -> Row:
        """Of each judged clip by itself."""
        clock, changed = CpuClock(), {}
        epsilon = float(self._budget.epsilon)
        for stored, indices in own_clips(self._classifier, self._test, self._seed):
            clip = clip_of(self._classifier, stored, indices)
            own = perturbed_one_by_one(self._options.vcr_bench, self._classifier, clip[None], epsilon)
            with torch.no_grad():
                pair = self._classifier.score(torch.cat([clip[None], own])).argmax(1)
            changed[stored.video.name] = bool(pair[0] != pair[1])
        seconds = round(clock.seconds, 1)
        return {"cpu_seconds": seconds, "looks": None, "way": None, "cannot": IFGSM_CANNOT, "memory": changed}

    def _in_memory(self, added: AddedInMemory) -> dict[str, bool]:
        return outcomes_in_memory(self._classifier, self._test, self._seed, added)

    @property
    def given(self) -> Given:
        """Each fit video through each sampler that lsap learns through, drawn once."""
        if self._given is None:
            classifier = self._classifier
            samplers = build_samplers((classifier.sampler_spec, *FITTED_SAMPLERS))
            clips = torch.stack([
                clip_of(classifier, stored, sampler.draw(
                    stored.times, classifier.frames, seeded(self._seed, "peers", stored.video.name, spec)
                ))
                for stored in self._fit for spec, sampler in samplers.items()
            ])  # fmt: skip
            with torch.no_grad():
                classes = torch.cat([classifier.score(part).argmax(1) for part in clips.split(4)])
            seconds = self._options.seconds
            self._given = Given(classifier, clips, classes, float(self._budget.epsilon), seconds, self._seed)
        return self._given


def said(row: Row) -> str:
    """A row in a few words."""
    memory = sum(row["memory"].values())
    if "file" not in row:
        return f"in memory {memory} of {len(row['memory'])}"
    spec = worst(row["file"])
    cells = row["file"][spec]
    return (
        f"{row['cpu_seconds']} s, {row['looks']} clips, {row['way']}; in files {sum(cells.values())} of {len(cells)} "
        f"({spec}), in memory {memory} of {len(row['memory'])}"
    )


def table(rows: Sequence[Row]) -> str:
    """A Markdown table: rates over all folds with Wilson intervals, McNemar's exact test against lsap."""
    lines = [
        "| method | seed | seconds | files, worst of three samplers | lsap only / it only, p | in memory "
        "| lsap only / it only, p | what it cannot do |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for seed in sorted({row["seed"] for row in rows}):
        own = [row for row in rows if row["seed"] == seed]
        names = list(dict.fromkeys(row["method"] for row in own))
        joined = {name: joined_folds([row for row in own if row["method"] == name]) for name in names}
        if LSAP in joined and "noise" in joined[LSAP]:
            joined["noise"] = {"file": joined[LSAP]["noise"], "memory": {}, "cannot": "", "cpu_seconds": 0.0}
        lines += [_line(name, seed, found, joined.get(LSAP)) for name, found in joined.items()]
    return "\n".join(lines)


def joined_folds(rows: Sequence[Row]) -> Row:
    """The outcomes of all folds as one."""
    joined: Row = {"memory": {}, "cannot": rows[0]["cannot"]}
    for row in rows:
        joined["memory"] |= row["memory"]
        for kind in ("file", "noise"):
            for spec, cells in row.get(kind, {}).items():
                joined.setdefault(kind, {}).setdefault(spec, {}).update(cells)
    joined["cpu_seconds"] = sum(row["cpu_seconds"] for row in rows) / len(rows)
    return joined


def _line(name: str, seed: int, found: Row, lsap: Row | None) -> str:
    in_file = memory = beside_file = beside_memory = "–"
    if "file" in found:
        spec = worst(found["file"])
        in_file = f"{_rate(found['file'][spec])}, {spec}"
        if lsap is not None and found["file"] is not lsap["file"]:
            tests = [_beside(lsap["file"][one], cells) for one, cells in found["file"].items()]
            beside_file = max(tests)[1]  # of the three samplers, the one that tells least
    if found["memory"]:
        memory = _rate(found["memory"])
        if lsap is not None and found["memory"] is not lsap["memory"]:
            beside_memory = _beside(lsap["memory"], found["memory"])[1]
    cells = (name, seed, f"{found['cpu_seconds']:.0f}", in_file, beside_file, memory, beside_memory, found["cannot"])
    return f"| {' | '.join(map(str, cells))} |"


def _rate(outcomes: dict[str, bool]) -> str:
    found: Rate | None = rate_of(sum(outcomes.values()), len(outcomes))
    return str(found or "–")


def _beside(lsap: dict[str, bool], other: dict[str, bool]) -> tuple[float, str]:
    """McNemar's p, and what a cell shows: videos that only lsap changed, those that only the other did, p."""
    videos = [name for name in lsap if name in other]
    test = paired([other[name] for name in videos], [lsap[name] for name in videos])
    p = 1.0 if test.p is None else test.p
    return p, f"{test.gained} / {test.lost}, {p:.2g}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
