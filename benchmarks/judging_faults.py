"""Do `lsap generate` and `lsap defend` survive networks that misbehave, full disks and frames that are too large?

    python benchmarks/judging_faults.py --work /tmp/judging-faults --results results.json [--part networks]

`benchmarks/fault_run.py` asks the same of `lsap apply`. Every part ends with a check of the exit code, of the sentence,
and of what is on disk. The part `disk` mounts small tmpfs file systems below the working folder and needs to be root.
"""

import argparse
import json
import shutil
import subprocess
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from fault_run import lsap, make_perturbation, tmpfs

from lsap_cli.demo.videos import write_dataset
from lsap_cli.video.codecs import H264Codec
from lsap_cli.video.writing import write_video

SCORES = {"nan": "nan", "infinity": "inf", "negative infinity": "-inf"}
SIZES = ("40k", "200k", "700k", "1300k")  # of disks: too small for the state, the pictures, the records
LARGE = 4096  # pixels, of a side
NETWORK = """
import sys
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(3, 8)
    def forward(self, clips):
        scores = self.head(clips.mean((1, 3, 4)))
        {body}
        return scores

def build():
    return Net()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parts = {"networks": networks, "memory": memory, "disk": disk}
    parser.add_argument("--part", action="append", choices=parts)
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    make_perturbation(options.work / "r.safetensors")
    write_dataset(options.work / "videos", 1, 5)
    results: dict[str, Any] = {"torch": torch.__version__}
    for part in options.part or parts:
        start = time.monotonic()
        results[part] = parts[part](options.work) | {"seconds": round(time.monotonic() - start)}
        options.results.write_text(json.dumps(results, indent=1) + "\n")
        print(json.dumps({part: results[part]}, indent=1), flush=True)


def networks(work: Path) -> dict[str, Any]:
    """A network whose scores of one class are no numbers has no predictions; one that ends the program is told."""
    for name, value in SCORES.items():
        card = write_card(work / name, f"scores = scores.index_fill(1, torch.tensor([7]), float('{value}'))")
        for words in (defend(work, card), generate(work, card)):
            done = lsap([*words, "--run", work / name / words[0]])
            assert (done.returncode, "not finite" in done.stderr) == (1, True), done.stderr
        assert not (work / "out.safetensors").exists()
    card = write_card(work / "exits", "sys.exit(0)")
    done = lsap([*defend(work, card), "--run", work / "exits" / "run"])
    assert (done.returncode, "ended the program" in done.stderr) == (1, True), done.stderr
    return {"not_finite_refused": len(SCORES), "exits_told": True}


def memory(work: Path) -> dict[str, Any]:
    """A frame that needs more than --memory-limit is named in each command, the other videos are used."""
    videos = work / "with-large"
    shutil.copytree(work / "videos", videos)
    large = torch.zeros(2, 3, LARGE, LARGE, dtype=torch.uint8)
    write_video(next(videos.iterdir()) / "large.mp4", large, Fraction(25), H264Codec())
    named = 0
    for words in (
        defend(work, "demo", videos),
        generate(work, "demo", videos),
        ["apply", work / "r.safetensors", videos, work / "copies"],
        ["models", "check", "demo", videos],
    ):
        done = lsap([*words, "--memory-limit", 1, "--run", work / f"memory-{words[0]}"])
        assert (done.returncode, "raise --memory-limit" in " ".join(done.stderr.split())) == (1, True), done.stderr
        named += 1
    return {"commands_that_name_it": named}


def disk(work: Path) -> dict[str, Any]:
    """A disk that is full is told with a file and --resume, and the run that goes on gives the same results."""
    told = 0
    (work / "out.safetensors").unlink(missing_ok=True)
    for command in (generate, defend):
        words = command(work, "demo")
        lsap([*words, "--run", work / f"whole-{words[0]}"], check=True)
        expected = (work / f"whole-{words[0]}" / "records.jsonl").read_bytes()
        for size in SIZES:
            (work / "out.safetensors").unlink(missing_ok=True)
            with tmpfs(work / f"{words[0]}-{size}", size) as small:
                done = lsap([*words, "--run", small / "run"])
                assert done.returncode in (0, 1), done.stderr
                assert "Traceback" not in done.stderr, done.stderr
                if done.returncode == 0:
                    continue
                sentence = " ".join(done.stderr.split())
                assert "the disk is full (" in sentence, done.stderr
                assert not list(small.rglob("*.partial"))
                told += 1
                enlarge(small)
                if f"lsap report {small / 'run'}" in sentence:  # the run is done, its page is not
                    lsap(["report", small / "run"], check=True)
                else:
                    assert f"--resume --run {small / 'run'}" in sentence, done.stderr
                    lsap([*words, "--run", small / "run", "--resume"], check=True)
                assert (small / "run" / "records.jsonl").read_bytes() == expected
    return {"told": told, "resumed_to_the_same_records": told}


def enlarge(folder: Path) -> None:
    """More space on a mounted disk."""
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


def defend(work: Path, model: Any, videos: Path | None = None) -> list[Any]:
    return [
        "defend", videos or work / "videos", "--model", model, "--perturbation", work / "r.safetensors",
        "--defense", "none", "--device", "cpu",
    ]  # fmt: skip


def generate(work: Path, model: Any, videos: Path | None = None) -> list[Any]:
    out = work / "out.safetensors"
    return [
        "generate", videos or work / "videos", "--model", model, "--steps", 4, "--out", out, "--device", "cpu",
        "--overwrite",
    ]  # fmt: skip


def write_card(folder: Path, body: str) -> Path:
    folder.mkdir()
    (folder / "network.py").write_text(NETWORK.format(body=body))
    (folder / "labels.txt").write_text("\n".join(f"class {number}" for number in range(8)))
    (folder / "model.toml").write_text(
        'factory = "network.py:build"\nlabels = "labels.txt"\n\n'
        '[input]\nlayout = "BTCHW"\nframes = 8\nsize = [32, 32]\n'
    )
    return folder / "model.toml"


if __name__ == "__main__":
    main()
