"""The rows of a results.json as values: rates with counts, rows found by attack, defense and sampler."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Json = Mapping[str, Any]  # a parsed JSON object: its values can be anything until they are read

NO_ATTACK = "none"
NOISE = "noise"
NO_DEFENSE = "none"


def printable(text: object) -> str:
    """Text that is safe to show: control, direction and surrogate characters become their escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


@dataclass(frozen=True)
class Rate:
    """A share of `of` videos, with its 95 % Wilson interval from `low` to `high`."""

    value: float
    count: int
    of: int
    low: float
    high: float

    @classmethod
    def read(cls, json: Json | None) -> "Rate | None":
        """The rate in a JSON object; None where it does not apply or nothing was counted."""
        if not json or not json["of"]:
            return None
        return cls(float(json["value"]), int(json["count"]), int(json["of"]), float(json["low"]), float(json["high"]))

    @property
    def interval(self) -> str:
        return f"{self.low:.2f}–{self.high:.2f}"

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.count}/{self.of}, {self.interval})"

    def overlaps(self, other: "Rate") -> bool:
        """Whether the two 95 % intervals have a value in common."""
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def read(cls, json: Json | None) -> "Estimate | None":
        """The figure in a JSON object; None where it does not apply."""
        return cls(float(json["value"]), float(json["low"]), float(json["high"])) if json else None

    @property
    def interval(self) -> str:
        return f"{self.low:.2f}–{self.high:.2f}"


@dataclass(frozen=True)
class DetectorRow:
    """How well a detector tells videos under one attack from clean ones."""

    detector: str
    attack: str
    clean_videos: int
    attacked_videos: int
    auc: Estimate | None
    average_precision: Estimate | None
    at_few_alarms: tuple[tuple[str, Estimate | None], ...]  # false positive rate as text, true positive rate
    points: tuple["DetectorPoint", ...]  # the operating point, then the literature's
    false_positive_rates: tuple[float, ...]
    true_positive_rates: tuple[float, ...]
    milliseconds_per_video: float | None

    @classmethod
    def read(cls, json: Json) -> "DetectorRow":
        return cls(
            detector=printable(json["detector"]),
            attack=printable(json["attack"]),
            clean_videos=int(json["clean_videos"]),
            attacked_videos=int(json["attacked_videos"]),
            auc=Estimate.read(json.get("auc")),
            average_precision=Estimate.read(json.get("average_precision")),
            at_few_alarms=tuple((str(k), Estimate.read(v)) for k, v in json["tpr_at_fpr"].items()),
            points=(
                DetectorPoint.read("threshold from other clean videos", json["operating_point"]),
                *(
                    DetectorPoint.read(f"{printable(one['name'])}, {float(one['threshold']):g}", one)
                    for one in json.get("fixed_points", [])
                ),
            ),
            false_positive_rates=tuple(map(float, json["curve"]["false_positive_rate"])),
            true_positive_rates=tuple(map(float, json["curve"]["true_positive_rate"])),
            milliseconds_per_video=json.get("milliseconds_per_video"),
        )


@dataclass(frozen=True)
class DetectorPoint:
    """What one threshold of a detector does."""

    name: str
    recall: Rate | None
    false_positive_rate: Rate | None
    precision: Rate | None
    f1: Estimate | None

    @classmethod
    def read(cls, name: str, json: Json) -> "DetectorPoint":
        return cls(
            name,
            Rate.read(json.get("recall")),
            Rate.read(json.get("false_positive_rate")),
            Rate.read(json.get("precision")),
            Estimate.read(json.get("f1")),
        )


@dataclass(frozen=True)
class Row:
    """What was measured for one attack, defense and sampler."""

    attack: str
    defense: str
    sampler: str
    videos: int
    clean_accuracy: Rate | None
    attacked_accuracy: Rate | None
    fooling_rate: Rate | None
    success_rate: Rate | None
    dominant_label: str | None
    dominant_share: Rate | None
    milliseconds_per_video: float | None
    mcnemar_p: float | None
    net_fooling: Estimate | None  # beyond what the defense changes by itself, over all draws of it
    draws: int

    @classmethod
    def read(cls, json: Json) -> "Row":
        dominant = json.get("dominant_label") or {}
        return cls(
            attack=printable(json["attack"]),
            defense=printable(json["defense"]),
            sampler=printable(json["sampler"]),
            videos=int(json["videos"]),
            clean_accuracy=Rate.read(json.get("clean_accuracy")),
            attacked_accuracy=Rate.read(json.get("attacked_accuracy")),
            fooling_rate=Rate.read(json.get("fooling_rate")),
            success_rate=Rate.read(json.get("success_rate")),
            dominant_label=printable(dominant["label"]) if dominant else None,
            dominant_share=Rate.read(dominant.get("share")),
            milliseconds_per_video=json.get("milliseconds_per_video"),
            mcnemar_p=json.get("mcnemar_p"),
            net_fooling=Estimate.read(json.get("net_fooling_rate")),
            draws=int((json.get("net_fooling_rate") or {}).get("draws", 1)),
        )

    @property
    def kind(self) -> Literal["clean", "noise", "perturbed"]:
        if self.attack == NO_ATTACK:
            return "clean"
        return "noise" if self.attack == NOISE else "perturbed"

    @property
    def accuracy(self) -> Rate | None:
        """Accuracy on the videos of this row, clean or attacked."""
        if self.kind == "clean":
            return self.clean_accuracy or self.attacked_accuracy
        return self.attacked_accuracy


@dataclass(frozen=True)
class Rows:
    """All rows of a run; names keep the order in which the run measured them."""

    rows: tuple[Row, ...]

    @classmethod
    def read(cls, results: Json) -> "Rows":
        """The rows of attacks that every defense met; rungs of ladders and further seeds are in `reports.grids`."""
        own = [row for row in results.get("rows", []) if not row.get("rung") and not row.get("seed_of")]
        return cls(tuple(map(Row.read, own)))

    @property
    def samplers(self) -> list[str]:
        return _in_order(row.sampler for row in self.rows)

    @property
    def defenses(self) -> list[str]:
        """Every defense, `none` first when it was measured."""
        return sorted(_in_order(row.defense for row in self.rows), key=lambda name: name != NO_DEFENSE)

    @property
    def perturbations(self) -> list[str]:
        return _in_order(row.attack for row in self.rows if row.kind == "perturbed")

    @property
    def attacks(self) -> list[str]:
        """Every attack that was measured: `none`, `noise`, then the perturbations."""
        measured = {row.attack for row in self.rows}
        return [name for name in (NO_ATTACK, NOISE) if name in measured] + self.perturbations

    @property
    def labelled(self) -> bool:
        return any(row.accuracy for row in self.rows)

    @property
    def targeted(self) -> bool:
        return any(row.success_rate for row in self.rows)

    def find(self, attack: str, defense: str, sampler: str) -> Row | None:
        wanted = (attack, defense, sampler)
        return next((r for r in self.rows if (r.attack, r.defense, r.sampler) == wanted), None)

    def clean_accuracy(self, defense: str, sampler: str) -> Rate | None:
        """Accuracy on clean videos behind a defense, from whichever row has it."""
        row = self.find(NO_ATTACK, defense, sampler)
        if row and row.accuracy:
            return row.accuracy
        group = (r for r in self.rows if (r.defense, r.sampler) == (defense, sampler))
        return next((r.clean_accuracy for r in group if r.clean_accuracy), None)

    def strongest(self, sampler: str) -> Row | None:
        """The undefended row of the perturbation that does most harm with this sampler."""
        rows = [self.find(name, NO_DEFENSE, sampler) for name in self.perturbations]
        found = [row for row in rows if row and (row.fooling_rate or row.accuracy or row.success_rate)]
        return max(found, key=_harm, default=None)

    def best_defended(self, attack: str, sampler: str) -> Row | None:
        """The row of the defense that helps most against one attack (ties: the first)."""
        rows = [self.find(attack, name, sampler) for name in self.defenses if name != NO_DEFENSE]
        found = [row for row in rows if row and (row.accuracy or row.fooling_rate)]
        return min(found, key=_harm, default=None)


def _harm(row: Row) -> float:
    """How much an attack does: success rate is not used, as a defense must give back the right answer."""
    if row.accuracy:
        return 1.0 - row.accuracy.value
    return row.fooling_rate.value if row.fooling_rate else 0.0


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
