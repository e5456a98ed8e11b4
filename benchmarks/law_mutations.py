"""Whether the tests hold the laws: each law's code is broken in one place at a time, and a test must fail.

    python benchmarks/law_mutations.py [--only TEXT] [--out FILE.json]

The laws are those of CONTRIBUTING.md. A copy of the checkout is changed, never the checkout itself. Each mutation is
caught by the tests named beside it, run with `-x` in one process; the first failure is printed. Prints a Markdown
table, and exits with 1 if a mutation survives or no longer applies.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent


class Mutation(NamedTuple):
    """One place that is broken.

    Attributes:
        law: its number.
        what: what is wrong then.
        file: that is changed.
        before: text that is there exactly once.
        after: what it becomes.
        tests: that should fail.
    """

    law: int
    what: str
    file: str
    before: str
    after: str
    tests: str


MUTATIONS = (
    Mutation(
        1, "cyclic slots are counted in the clip", "perturbations/bindings.py", "return indices % self.period",
        "return (torch.arange(indices.shape[-1]) % self.period).expand(indices.shape)", "tests/perturbations",
    ),
    Mutation(
        1, "relative slots are one frame early", "perturbations/bindings.py", "indices * self.period // frame_count",
        "(indices + 1) * self.period // (frame_count + 1)", "tests/perturbations/test_bindings.py",
    ),
    Mutation(
        1, "appended frames begin one later", "perturbations/bindings.py", "(indices - frame_count).clamp",
        "(indices - frame_count - 1).clamp", "tests/perturbations/test_bindings.py",
    ),
    Mutation(
        1, "uniform takes the beginnings of parts", "perturbations/samplers.py",
        "2 * torch.arange(views)[:, None] + 1\n", "2 * torch.arange(views)[:, None]\n",
        "tests/perturbations/test_samplers.py",
    ),
    Mutation(
        1, "of two equally near frames the later", "perturbations/samplers.py",
        ".abs() <= (times[after] - moments).abs()", ".abs() < (times[after] - moments).abs()",
        "tests/perturbations/test_samplers.py",
    ),
    Mutation(
        2, "windows look one frame too far back", "defenses/temporal.py", "- window // 2\n", "- window // 2 - 1\n",
        "tests/defenses/test_temporal.py",
    ),
    Mutation(
        2, "an end is mirrored without its frame", "defenses/temporal.py", "2 * video_length - 1 - folded",
        "(2 * video_length - 2 - folded).abs()", "tests/defenses/test_temporal.py",
    ),
    Mutation(
        2, "a part of a video lacks the frames around it", "lsap_cli/evaluation/frames.py", "yield sampled, whole",
        "yield sampled, sampled", "tests/evaluation",
    ),
    Mutation(
        2, "without a defense all decoded frames are judged", "lsap_cli/evaluation/frames.py",
        "if len(clip.indices) == len(sampled):", "if clip is not None:", "tests/evaluation",
    ),
    Mutation(
        3, "levels are rounded over the budget", "perturbations/budgets.py",
        "_rounded_levels(delta).clamp_(-most, most)", "_rounded_levels(delta)", "tests/perturbations/test_budgets.py",
    ),
    Mutation(
        3, "a saturating resize is not projected", "perturbations/resizing.py",
        "budget.project(resize(delta, height, width, self.kernel).mul_(self.gain))",
        "resize(delta, height, width, self.kernel).mul_(self.gain)", "tests/perturbations/test_perturbation.py",
    ),
    Mutation(
        3, "projection leaves 1 % too much", "perturbations/budgets.py", "delta.clamp(-epsilon, epsilon)",
        "delta.clamp(-1.01 * epsilon, 1.01 * epsilon)", "tests/perturbations/test_budgets.py",
    ),
    Mutation(
        3, "the proof reports what was meant", "lsap_cli/applying/proof.py",
        "max(self._largest, largest_distance(before, after))", "max(self._largest, largest_distance(before, planned))",
        "tests/applying/test_proof.py",
    ),
    Mutation(
        3, "a file that differs counts as exact", "lsap_cli/applying/proof.py", "self.exact = False",
        "self.exact = True", "tests/applying/test_proof.py",
    ),
    Mutation(
        3, "a frame's time is not compared", "lsap_cli/applying/time_proof.py", "if abs(found - self._latest) > SLACK:",
        "if found < 0:", "tests/applying/test_time_proof.py",
    ),
    Mutation(
        7, "noise is smaller than what it stands beside", "lsap_cli/evaluation/noise_control.py",
        "self._scales[height, width] = _scale(", "self._scales[height, width] = 0.8 * _scale(",
        "tests/evaluation/test_noise_control.py",
    ),
    Mutation(
        4, "BGR turns time around", "lsap_cli/classifiers/classifier.py", "clips = clips.flip(2)",
        "clips = clips.flip(1)", "tests/classifiers",
    ),
    Mutation(
        4, "the mean is added", "lsap_cli/classifiers/classifier.py", "clips = clips - self.mean",
        "clips = clips + self.mean", "tests/classifiers",
    ),
    Mutation(
        4, "an odd margin is cut elsewhere", "lsap_cli/classifiers/geometry.py",
        "return round(rows / 2), round(columns / 2)", "return rows // 2, columns // 2",
        "tests/classifiers/test_geometry.py tests/classifiers/test_zoo.py",
    ),
    Mutation(
        4, "the shorter side becomes the longer", "lsap_cli/classifiers/geometry.py", "if height <= width:",
        "if height > width:", "tests/classifiers/test_geometry.py",
    ),
    Mutation(
        5, "verification videos are learned from", "lsap_cli/datasets/splits.py", "if group not in chosen]",
        "if group is not None]", "tests/datasets/test_splits.py",
    ),
    Mutation(
        5, "other cuts of a recording are judged", "lsap_cli/datasets/splits.py", "video.group in recordings or ",
        "", "tests/datasets/test_splits.py tests/evaluation/test_overlap.py",
    ),
    Mutation(
        5, "equal files in two groups are two", "lsap_cli/datasets/splits.py",
        "parent[root(video.group)] = root(first_with.setdefault(content, video.group))",
        "root(first_with.setdefault(content, video.group))", "tests/datasets/test_splits.py",
    ),
    Mutation(
        6, "a resumed run forgets what an attack remembers", "perturbations/state.py",
        'for name, value in tensors.items() if name != "delta"}', 'for name, value in tensors.items() if name == ""}',
        "tests/perturbations/attacks tests/perturbations/test_learn.py",
    ),
    Mutation(
        6, "every step draws the same batch", "perturbations/seeds.py", 'join(map(str, parts))',
        'join(map(str, parts[:2]))', "tests/perturbations tests/learning",
    ),
    Mutation(
        6, "processes do not add up", "lsap_cli/learning/process_group.py", "distributed.all_reduce(summed)",
        "summed.add_(0)", "tests/learning/test_process_group.py",
    ),
    Mutation(
        7, "intervals are too narrow", "lsap_cli/results/rates.py", "share * (1 - share) / of + Z * Z / (4 * of * of)",
        "share * (1 - share) / of", "tests/results/test_rates.py",
    ),
    Mutation(
        7, "p is one-sided", "lsap_cli/results/rates.py", "min(1.0, 2 * tail)", "min(1.0, tail)",
        "tests/results/test_rates.py",
    ),
    Mutation(
        7, "tests without a difference do not count for Holm", "lsap_cli/results/rates.py",
        "(len(p_values) - place) * p", "(len(ordered) - place) * p", "tests/results/test_rates.py",
    ),
    Mutation(
        7, "unlabeled videos count as wrong", "lsap_cli/evaluation/rows.py",
        "[one.correct for one in records if one.correct is not None]", "[bool(one.correct) for one in records]",
        "tests/evaluation/test_rows.py",
    ),
    Mutation(
        8, "robust accuracy is the best rung's", "lsap_cli/adaptive/judging/defense_ladders.py",
        "max(rows, key=lambda one: harm_order(one[0]))", "min(rows, key=lambda one: harm_order(one[0]))",
        "tests/adaptive",
    ),
    Mutation(
        8, "a tie beats", "lsap_cli/adaptive/judging/comparisons.py",
        "comparison.gained > comparison.lost and comparison.p is not None and comparison.p <= SIGNIFICANT",
        "comparison.gained >= comparison.lost", "tests/adaptive",
    ),
    Mutation(
        9, "learning enlarges with another gain", "perturbations/resizing.py",
        "self.resizing.resized(slots, *self.size, self.budget)",
        "self.resizing.resized(slots / 2, *self.size, self.budget)", "tests/learning/test_delta_paths.py",
    ),
    Mutation(
        9, "learning does not round", "perturbations/adding.py", "total.mul_(LEVELS).round_().clamp_(0, LEVELS)",
        "total.mul_(LEVELS).clamp_(0, LEVELS)", "tests/perturbations/test_adding.py",
    ),
    Mutation(
        9, "bytes wrap around", "perturbations/adding.py", "LEVELS - d.clamp(min=0), d & LEVELS",
        "torch.full_like(d, LEVELS), d & LEVELS", "tests/perturbations/test_adding.py",
    ),
    Mutation(
        9, "frames without a slot get the last one", "perturbations/adding.py", "if slot != NO_SLOT:",
        "if slot is not None:", "tests/perturbations",
    ),
    Mutation(
        10, "a kind of event has another name", "lsap_cli/results/events.py", 'kw_only=True, tag="step")',
        'kw_only=True, tag="steps")', "tests/results tests/runs tests/test_documents.py",
    ),
    Mutation(
        10, "a field is not documented", "lsap_cli/results/documents.py", "    learn_seconds: float = 0.0\n",
        "    learn_seconds: float = 0.0\n    secret: float = 0.0\n", "tests/results tests/test_documents.py",
    ),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="mutations whose file or words hold this text")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    chosen = [one for one in MUTATIONS if options.only in f"{one.file} {one.what}"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "lsap"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "*cache*"))
        print("| law | broken | file | caught by |\n|---|---|---|---|")
        for one in chosen:
            caught = caught_by(one, copy)
            rows.append({**one._asdict(), "caught_by": caught})
            print(f"| {one.law} | {one.what} | `{one.file}` | {f'`{caught}`' if caught else 'NOTHING'} |", flush=True)
    survived = [row for row in rows if not row["caught_by"]]
    print(f"\n{len(rows) - len(survived)} of {len(rows)} caught")
    if options.out:
        options.out.write_text(json.dumps({"schema": "lsap.benchmark/1", "mutations": rows}, indent=1) + "\n")
    sys.exit(bool(survived))


def caught_by(mutation: Mutation, copy: Path) -> str | None:
    """The first test that fails in a copy with the mutation; None: all pass."""
    path = copy / mutation.file
    text = path.read_text()
    if text.count(mutation.before) != 1:
        sys.exit(f"{mutation.file} holds {text.count(mutation.before)} times: {mutation.before}")
    path.write_text(text.replace(mutation.before, mutation.after))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *mutation.tests.split()]
    try:
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    finally:
        path.write_text(text)
    failures = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    if done.returncode and not failures:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failures[0].split(" - ")[0].partition(" ")[2] if failures else None


if __name__ == "__main__":
    main()
