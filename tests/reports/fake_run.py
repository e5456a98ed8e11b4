"""A `defend` run folder as the command writes it, from predictions that are made up but seeded."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from lsap_cli.pictures.drawing import draw_frame, perturbation_picture, save_picture

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


def wilson(count: int, of: int) -> dict[str, Any] | None:
    if not of:
        return None
    z, p = 1.959964, count / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return {
        "value": p,
        "count": count,
        "of": of,
        "low": max(0.0, middle - half),
        "high": min(1.0, middle + half),
    }


def make_records(
    videos: int,
    attacks: tuple[str, ...],
    defenses: tuple[str, ...],
    samplers: tuple[str, ...],
    labelled: bool,
    target: str | None,
) -> list[dict[str, Any]]:
    generator = np.random.default_rng(5)
    strength = {"none": 0.06, "noise": 0.1}
    records: list[dict[str, Any]] = []
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
                        {
                            "video": f"{truth}/clip_{video:03d}.mp4" if video else f"{truth}/{HOSTILE}",
                            "label": truth if labelled else None,
                            "attack": attack,
                            "defense": defense,
                            "sampler": sampler,
                            "prediction": prediction,
                            "clean_prediction": reference,
                            "correct": prediction == truth if labelled else None,
                            "changed": prediction != reference,
                        }
                    )
    return records


def make_rows(records: list[dict[str, Any]], target: str | None) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault((record["sampler"], record["defense"], record["attack"]), []).append(record)
    rows = []
    for (sampler, defense, attack), group in groups.items():
        clean = groups.get((sampler, defense, "none"), [])
        labelled = [r for r in group if r["label"]]
        others = [r for r in group if r["clean_prediction"] != target]
        wrong = Counter(r["prediction"] for r in group if r["changed"]).most_common(1)
        rows.append(
            {
                "attack": attack,
                "defense": defense,
                "sampler": sampler,
                "videos": len(group),
                "clean_accuracy": wilson(sum(bool(r["correct"]) for r in clean), len(labelled)),
                "attacked_accuracy": wilson(sum(bool(r["correct"]) for r in labelled), len(labelled)),
                "fooling_rate": wilson(sum(r["changed"] for r in group), len(group)),
                "success_rate": wilson(sum(r["prediction"] == target for r in others), len(others)) if target else None,
                "dominant_label": {"label": wrong[0][0], "share": wilson(wrong[0][1], len(group))} if wrong else None,
                "milliseconds_per_video": 21.4 + 3 * len(defense),
                "mcnemar_p": None if attack == "none" or not labelled else 0.0215,
            }
        )
    return rows


def write_pictures(run: Path) -> dict[str, Any]:
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
            {
                "video": video,
                "frame": 17,
                **names,
                "factor": pictures.factor,
                "clean_prediction": "archery",
                "attacked_prediction": "tai_chi" if number == 0 else "archery",
            }
        )
    return {"perturbation": "pictures/perturbation.png", "perturbation_scale": 8.0, "frames": frames}


def make_results(
    *,
    videos: int = 12,
    attacks: tuple[str, ...] = ("none", "noise", "universal"),
    defenses: tuple[str, ...] = DEFENSES,
    samplers: tuple[str, ...] = ("uniform",),
    labelled: bool = True,
    target: str | None = None,
    overlap: tuple[str, ...] = (),
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A results.json and the records that it was computed from."""
    records = make_records(videos, attacks, defenses, samplers, labelled, target)
    results = {
        "schema": "lsap.results/1",
        "rows": make_rows(records, target),
        "protocol": {
            "classifier": "movinet_a0",
            "classes": 600,
            "videos": videos,
            "labelled": videos if labelled else 0,
            "frames": 16,
            "views": 1,
            "norm": "linf",
            "epsilon": "8/255",
            "binding": "cyclic:16",
            "target": target,
            "seed": 0,
            "perturbed_by": "folder",
            "overlap_allowed": bool(overlap),
            "overlap": list(overlap),
        },
        "effective": {"linf": 8.0, "l2_rms": 7.31, "map": 7.02},
        "skipped": [
            {"path": "videos/broken.mp4", "reason": "no frame can be decoded: moov atom not found"},
            {"path": HOSTILE, "reason": "has sound but no picture"},
        ],
    }
    return results, records


def write_run(run: Path, *, pictures: bool = True, **variation: Any) -> Path:  # see make_results
    """A finished run folder; `variation` goes to make_results."""
    run.mkdir(parents=True, exist_ok=True)
    results, records = make_results(**variation)
    if pictures:
        results["pictures"] = write_pictures(run)
    about = {
        "schema": "lsap.run/1",
        "command": "defend",
        "status": "done",
        "started": "2026-08-04T10:12:40+00:00",
        "finished": "2026-08-04T10:14:03+00:00",
        "settings": {
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
        "versions": {"lsap": "0.1.0", "python": "3.11.9", "torch": "2.11.0", "av": "18.0.0"},
        "device": "cpu",
    }
    write_json(run / "run.json", about)
    write_json(run / "results.json", results)
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (run / "records.jsonl").write_text(lines, encoding="utf-8")
    return run


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
