"""A `defend` run folder as the command writes it, from predictions that are made up but seeded."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from lsap_cli.pictures.drawing import draw_frame, perturbation_picture, save_picture
from lsap_cli.results.documents import DefendResults, Protocol, SkippedVideo
from lsap_cli.results.files import RESULTS_FILE, RUN_FILE, encode_line, write_document
from lsap_cli.results.manifest import EffectiveNorms
from lsap_cli.results.pictures import FramePictures, Pictures
from lsap_cli.results.rates import Rate, rate, rate_of
from lsap_cli.results.records import Cell, Record
from lsap_cli.results.rows import DominantLabel, Row, count_records, counted_rows
from lsap_cli.results.run_facts import RunFacts

LABELS = ("archery", "arm_wrestling", "clean_and_jerk", "golf_driving", "tai_chi", "yoga")
DEFENSES = (
    "none",
    "temporal-mean:window=3",
    "temporal-median:window=3",
    "jpeg:quality=75",
    "spatial-resample:scale=0.5",
    "temporal-resample:keep=2",
)
HOSTILE = '<script>alert("x")</script>&\u202egpm.4.mp4\n\udcff'


def make_records(
    videos: int,
    attacks: tuple[str, ...],
    defenses: tuple[str, ...],
    samplers: tuple[str, ...],
    labelled: bool,
    target: str | None,
) -> list[Record]:
    generator = np.random.default_rng(5)
    strength = {"none": 0.06, "noise": 0.1}
    records: list[Record] = []
    for sampler in samplers:
        for video in range(videos):
            truth = LABELS[video % len(LABELS)]
            reference = truth if generator.random() < 0.92 else "yoga"
            for number, defense in enumerate(defenses):
                for attack in attacks:
                    chance = strength.get(attack, 0.82 - 0.1 * number)
                    if attack == "none" and defense == "none":
                        chance = 0.0
                    fooled = generator.random() < chance
                    other = target or str(generator.choice(LABELS[3:]))
                    prediction = other if fooled else reference
                    records.append(
                        Record(
                            video=f"{truth}/clip_{video:03d}.mp4" if video else f"{truth}/{HOSTILE}",
                            label=truth if labelled else None,
                            attack=attack,
                            defense=defense,
                            sampler=sampler,
                            prediction=prediction,
                            clean_prediction=reference,
                            correct=prediction == truth if labelled else None,
                            changed=prediction != reference,
                        )
                    )
    return records


def make_rows(records: Sequence[Record], target: str | None) -> tuple[Row, ...]:
    """The rows of the records; what a person reads beside rates is made up."""
    return tuple(
        replace(
            row,
            success_rate=_success(records, row.cell, target) if target else None,
            dominant_label=_dominant_label(records, row.cell),
            milliseconds_per_video=21.4 + 3 * len(row.defense),
            mcnemar_p=None if row.kind == "clean" or row.accuracy is None else 0.0215,
        )
        for row in counted_rows(count_records(records))
    )


def _success(records: Sequence[Record], cell: Cell, target: str) -> Rate | None:
    return rate([one.prediction == target for one in records if one.cell == cell and one.clean_prediction != target])


def _dominant_label(records: Sequence[Record], cell: Cell) -> DominantLabel | None:
    own = [one for one in records if one.cell == cell]
    for label, count in Counter(one.prediction for one in own if one.changed).most_common(1):
        share = rate_of(count, len(own))
        return DominantLabel(label=label, share=share) if share else None
    return None


def write_pictures(run: Path) -> Pictures:
    generator = np.random.default_rng(1)
    delta = 8 / 255 * np.sign(generator.normal(size=(16, 3, 12, 16))).repeat(4, 2).repeat(4, 3)
    save_picture(perturbation_picture(delta), run / "pictures/perturbation.png")
    frames = []
    for number, video in enumerate(("archery/clip_001.mp4", HOSTILE)):
        ramp = np.linspace(30, 220, 128)[None, None, :] * np.ones((3, 96, 1))
        before = ramp.astype(np.uint8)
        after = np.clip(before + 255 * delta[number, :, :96, :128].repeat(2, 1).repeat(2, 2), 0, 255)
        pictures = draw_frame(before, after.astype(np.uint8))
        names = {name: f"pictures/{number}_{name}.png" for name in ("before", "after", "difference")}
        for name, path in names.items():
            save_picture(getattr(pictures, name), run / path)
        frames.append(
            FramePictures(
                video=video,
                frame=17,
                factor=pictures.factor,
                clean_prediction="archery",
                attacked_prediction="tai_chi" if number == 0 else "archery",
                before=names["before"],
                after=names["after"],
                difference=names["difference"],
            )
        )
    return Pictures(perturbation="pictures/perturbation.png", perturbation_scale=8.0, frames=tuple(frames))


def make_results(
    *,
    videos: int = 12,
    attacks: tuple[str, ...] = ("none", "noise", "universal"),
    defenses: tuple[str, ...] = DEFENSES,
    samplers: tuple[str, ...] = ("uniform",),
    labelled: bool = True,
    target: str | None = None,
    overlap: tuple[str, ...] = (),
) -> tuple[DefendResults, list[Record]]:
    """A results document and the records that it was computed from."""
    records = make_records(videos, attacks, defenses, samplers, labelled, target)
    results = DefendResults(
        rows=make_rows(records, target),
        protocol=Protocol(
            classifier="movinet_a0",
            classes=600,
            videos=videos,
            labelled=videos if labelled else 0,
            frames=16,
            views=1,
            norm="linf",
            epsilon="8/255",
            binding="cyclic:16",
            target=target,
            perturbed_by="folder",
            overlap_allowed=bool(overlap),
            overlap=overlap,
        ),
        effective=EffectiveNorms(linf=8.0, l2_rms=7.31, map=7.02),
        skipped=(
            SkippedVideo(path="videos/broken.mp4", reason="no frame can be decoded: moov atom not found"),
            SkippedVideo(path=HOSTILE, reason="has sound but no picture"),
        ),
    )
    return results, records


def write_run(run: Path, *, pictures: bool = True, **variation: Any) -> Path:  # see make_results
    """A finished run folder; `variation` goes to make_results."""
    run.mkdir(parents=True, exist_ok=True)
    results, records = make_results(**variation)
    if pictures:
        results = replace(results, pictures=write_pictures(run))
    about = RunFacts(
        command="defend",
        status="done",
        started="2026-08-04T10:12:40+00:00",
        finished="2026-08-04T10:14:03+00:00",
        settings={
            "videos": "held_out/",
            "model": "models/movinet_a0/model.toml",
            "perturbed": "perturbed/",
            "sampler": list(variation.get("samplers", ("uniform",))),
            "defense": list(variation.get("defenses", DEFENSES))[1:],
            "adaptive": False,
            "allow_overlap": bool(variation.get("overlap")),
            "device": "auto",
            "seed": 0,
        },
        versions={"lsap": "0.1.0", "python": "3.11.9", "torch": "2.11.0", "av": "18.0.0"},
        device="cpu",
    )
    write_document(run / RUN_FILE, about)
    write_document(run / RESULTS_FILE, results)
    (run / "records.jsonl").write_bytes(b"".join(map(encode_line, records)))
    return run
