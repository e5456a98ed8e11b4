"""A finished adaptive run with records and pictures, written without a network."""

from pathlib import Path

from PIL import Image

from lsap_cli.results.documents import DefendResults
from lsap_cli.results.files import RESULTS_FILE, encode_line, write_document
from lsap_cli.results.ladders import Check, DefenseLadder, LadderRung, WorstRung
from lsap_cli.results.pictures import LOOK_FILE, FilmPictures, Look, SlotPictures
from lsap_cli.results.rates import mcnemar
from lsap_cli.results.records import Record
from lsap_cli.results.rows import DefenseGain, Row, Rows, count_records, counted_rows
from lsap_cli.runs import Run
from tests.result_objects import make_record

VIDEOS = 24
SAMPLERS = ("uniform", "random")
JPEG, MEDIAN = "jpeg:quality=50", "temporal-median:window=3"
# attack, defense: how many of the videos are right
RIGHT = {
    ("none", "none"): 24, ("none", JPEG): 23, ("none", MEDIAN): 22,
    ("noise", "none"): 24, ("noise", JPEG): 23, ("noise", MEDIAN): 22,
    ("r", "none"): 8, ("r", JPEG): 21, ("r", MEDIAN): 20,
    ("A2 declared gradient (no defense)", "none"): 3,
    (f"A2 declared gradient ({JPEG})", JPEG): 16,
    (f"A4 constant in time ({MEDIAN})", MEDIAN): 4,
}  # fmt: skip


def records() -> list[Record]:
    """Videos of two classes, the last ones of which are fooled."""
    return [
        make_record(f"class{video % 2}/{video:02d}.mp4", (video % 2,), (attack, defense, sampler),
                    video % 2 if video < right - (sampler == "random" and right < VIDEOS) else 1 - video % 2, video % 2)
        for (attack, defense), right in RIGHT.items()
        for sampler in SAMPLERS
        for video in range(VIDEOS)
    ]  # fmt: skip


def results_of(made: list[Record]) -> DefendResults:
    """As `defend --adaptive` would write them."""
    rows = counted_rows(count_records(made))
    ladder_rows = [row for row in rows if row.attack.startswith("A")]
    ladders = tuple(_ladder(defense, ladder_rows) for defense in ("none", JPEG, MEDIAN))
    return DefendResults(
        rows=tuple(row for row in rows if not row.attack.startswith("A")),
        defense_gains=tuple(_gain(made, "r", "r", one, sampler) for one in (JPEG, MEDIAN) for sampler in SAMPLERS),
        ladder=ladders,
        ladder_gains=tuple(
            _gain(made, ladders[0].robust[0].attack, ladder.robust[0].attack, ladder.defense, sampler)
            for ladder in ladders[1:]
            for sampler in SAMPLERS
        ),
        checks=(Check(name="iterative beats single-step", status="WARN", figure="0.50", sentence="why"),),
    )


def _ladder(defense: str, rows: list[Row]) -> DefenseLadder:
    own = [row for row in rows if row.defense == defense]
    rung = own[0].attack[:2]
    robust = tuple(
        WorstRung(sampler=row.sampler, rung=rung, attack=row.attack, accuracy=row.accuracy,
                  fooling_rate=row.fooling_rate) for row in own
    )  # fmt: skip
    return DefenseLadder(
        defense=defense, rungs=(LadderRung(rung=rung, attack=own[0].attack, rows=tuple(own)),), robust=robust
    )


def _gain(made: list[Record], bare: str, attack: str, defense: str, sampler: str) -> DefenseGain:
    def right(cell: tuple[str, str, str]) -> list[bool]:
        return [one.correct is True for one in made if one.cell == cell]

    pairs = list(zip(right((bare, "none", sampler)), right((attack, defense, sampler)), strict=True))
    p = mcnemar([before for before, _ in pairs], [after for _, after in pairs])
    gained, lost = (sum(pair == one for pair in pairs) for one in ((False, True), (True, False)))
    return DefenseGain(
        attack=attack, sampler=sampler, defense=defense, gained=gained, lost=lost, of=len(pairs), p=p,
        adjusted_p=None if p is None else min(1.0, 2 * p),
    )  # fmt: skip


def write_adaptive_run(folder: Path) -> DefendResults:
    """Writes the run folder; of its fooled videos, one has pictures."""
    made = records()
    found = results_of(made)
    with Run(folder, "defend", {"perturbation": "r.safetensors", "adaptive": True, "defense": [JPEG, MEDIAN]}, []):
        (folder / "records.jsonl").write_bytes(b"".join(map(encode_line, made)))
        write_document(folder / RESULTS_FILE, found)
        _draw(folder)
    assert Rows(found.rows).defenses == ["none", JPEG, MEDIAN]
    return found


def _draw(folder: Path) -> None:
    names = {side: f"pictures/films/0-{side}.png" for side in ("before", "after", "difference")}
    for name, color in zip([*names.values(), "pictures/slots/00.png"], ("red", "green", "gray", "blue"), strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 24), color).save(folder / name)
    film = FilmPictures(
        video="class0/08.mp4", frame=1, factor=10, frames=2, before=names["before"], after=names["after"],
        difference=names["difference"], clean_prediction="0", attacked_prediction="1", clean_confidence=0.9,
        attacked_confidence=0.6,
    )  # fmt: skip
    slots = SlotPictures(slots=("pictures/slots/00.png",), of=1, scale=8.0, binding="constant")
    write_document(folder / LOOK_FILE, Look(perturbation=slots, videos=(film,)))
