"""Does `lsap apply` survive files from strangers, a full disk, a folder that cannot be written, and being killed?

    python benchmarks/fault_run.py --clips videos/ --work /tmp/faults --results results.json [--mutants 1000]

Every part ends with a check of what is on disk: every file of the manifest has the hash that it says, nothing else lies
beside them, and every file that is not there was named with a reason. The parts `disk` and `readonly` mount small tmpfs
file systems below the working folder and need to be root.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import av
import torch

from lsap_cli.hashing import output_hash
from lsap_cli.runs.manifest import read_manifest
from lsap_cli.video.walking import find_media
from perturbations import Budget, Perturbation, parse_binding, parse_epsilon

FRAMES = 12  # of each seed
LSAP = [sys.executable, "-c", "from lsap_cli.main import run; run()"]
ABSURD = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00", b"\x80\x00\x00\x00", b"\x00\x01\x00\x00")
PARTS = ("mutants", "disk", "readonly", "kills")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--mutants", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", action="append", choices=PARTS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    perturbation = options.work / "r.safetensors"
    make_perturbation(perturbation)
    seeds = make_seeds(options.clips, options.work / "seeds")
    results: dict[str, Any] = json.loads(options.results.read_text()) if options.results.exists() else {}
    results |= {"seeds": len(seeds), "seed": options.seed, "av": av.__version__, "frames_a_seed": FRAMES}
    for part in options.part or PARTS:
        rng = random.Random(f"{options.seed} {part}")
        folder = options.work / part
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        start = time.monotonic()
        if part == "mutants":
            found = mutants(seeds, perturbation, folder, options.mutants, rng)
        elif part == "kills":
            found = kills(seeds[:6], perturbation, folder, options.kills, rng, partial(save, options.results, results))
        else:
            found = {"disk": full_disk, "readonly": read_only}[part](seeds[:6], perturbation, folder)
        results[part] = found | {"seconds": round(time.monotonic() - start)}
        options.results.write_text(json.dumps(results, indent=1) + "\n")
        print(json.dumps({part: results[part]}, indent=1), flush=True)


def save(path: Path, results: dict[str, Any], found: dict[str, Any]) -> None:
    """Keeps what a long part has found so far."""
    path.write_text(json.dumps(results | {"kills": found | {"complete": False}}, indent=1) + "\n")


def mutants(seeds: list[Path], perturbation: Path, folder: Path, count: int, rng: random.Random) -> dict[str, Any]:
    """One run over many damaged files."""
    kinds = make_mutants(seeds, folder / "videos", count, rng)
    out, run = folder / "out", folder / "run"
    words = ["apply", perturbation, folder / "videos", out, "--run", run, "--codec", "x264rgb", "--workers", 2]
    done = lsap([*words, "--timeout", "60s", "--json", "--quiet"])
    document = json.loads(done.stdout)
    check_folder(out)
    reasons = {one["path"]: one["reason"] for one in document["skipped"]}
    written = {one["source"]: one for one in document["files"]}
    assert reasons.keys() | written.keys() == kinds.keys(), "a file was neither written nor named"
    assert not reasons.keys() & written.keys()
    assert all(one["exact"] for one in written.values())
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 1
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    causes = Counter(event["cause"] for event in events if event["kind"] == "skipped")
    return {
        "files": len(kinds),
        "kinds": dict(Counter(kinds.values())),
        "written_exactly": len(written),
        "named_with_a_reason": len(reasons),
        "crashes": causes["crash"],
        "hangs": causes["hang"],
        "faults_of_lsap": causes["fault"],
        "reasons": dict(Counter(said.split("(")[0].strip()[:60] for said in reasons.values()).most_common(20)),
    }


def kills(
    seeds: list[Path],
    perturbation: Path,
    folder: Path,
    count: int,
    rng: random.Random,
    save: Callable[[dict[str, Any]], object] = lambda _: None,
) -> dict[str, Any]:
    """SIGKILL at random moments, each followed by --resume; the result is that of a run that was left alone."""
    videos = copied(seeds, folder / "videos")
    words = ["apply", perturbation, videos]
    start = time.monotonic()
    lsap([*words, folder / "whole", "--run", folder / "runs" / "whole"], check=True)
    whole_seconds = time.monotonic() - start
    expected = listing(folder / "whole")
    moments: Counter[str] = Counter()
    for number in range(count):
        out, run = folder / f"out{number}", folder / "runs" / str(number)
        process = subprocess.Popen(
            [*LSAP, *map(str, [*words, out, "--run", run])], stderr=subprocess.DEVNULL, start_new_session=True
        )
        wait_for_work(run, whole_seconds * 3, rng)
        killed = process.poll() is None
        if rng.random() < 0.5:
            process.send_signal(signal.SIGKILL)  # the workers are left behind
        elif killed:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        finished = len(read_manifest(out)) if out.exists() else 0
        moments[f"{finished} of {len(expected)} files finished" if killed else "too late"] += 1
        lsap([*words, out, "--run", folder / "runs" / f"{number}-again", "--resume"], check=True)
        check_folder(out)
        assert listing(out) == expected, f"round {number}: another set of files"
        shutil.rmtree(out)
        found = {"kills": number + 1, "right_in_the_end": number + 1, "moments": dict(sorted(moments.items()))}
        save(found)
    return found


def full_disk(seeds: list[Path], perturbation: Path, folder: Path) -> dict[str, Any]:
    """A disk that is too small is refused; one that fills on the way loses nothing that was finished."""
    videos = copied(seeds, folder / "videos")
    lsap(["apply", perturbation, videos, folder / "whole", "--run", folder / "run-whole"], check=True)
    expected = listing(folder / "whole")
    with tmpfs(folder / "tiny", "20m") as tiny:
        refused = lsap(["apply", perturbation, videos, tiny / "out", "--run", folder / "run-tiny"])
        assert refused.returncode == 1
        assert "MB are needed" in refused.stderr, refused.stderr
        assert not list(find_media(tiny / "out"))
    with tmpfs(folder / "small", "64m") as small:
        words = ["apply", perturbation, videos, small / "out"]
        process = subprocess.Popen(
            [*LSAP, *map(str, [*words, "--run", folder / "run-small"])], stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None and not (small.joinpath("out").exists() and read_manifest(small / "out")):
            time.sleep(0.01)
        fill(small)
        _, said = process.communicate()
        assert process.returncode == 1, said
        assert "Traceback" not in said
        finished = listing(small / "out")
        assert finished.items() <= expected.items()
        check_folder(small / "out")
        (small / "filler").unlink()
        lsap([*words, "--run", folder / "run-again", "--resume"], check=True)
        check_folder(small / "out")
        assert listing(small / "out") == expected
    return {"refused_before": True, "finished_when_full": len(finished), "right_in_the_end": len(expected)}


def read_only(seeds: list[Path], perturbation: Path, folder: Path) -> dict[str, Any]:
    """A folder that cannot be written is one sentence, and an earlier part of the work in it stays as it was."""
    videos = copied(seeds, folder / "videos")
    with tmpfs(folder / "mount", "64m") as mount:
        words = ["apply", perturbation, videos, mount / "out"]
        lsap([*words, "--run", folder / "run-1"], check=True)
        before = listing(mount / "out")
        subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
        sentences = []
        for number, extra in enumerate((["--resume"], [])):
            where = mount / "out" if extra else mount / "new"
            done = lsap([*words[:-1], where, "--run", folder / f"run-ro{number}", *extra])
            assert done.returncode == 1, done.stderr
            assert "Traceback" not in done.stderr
            sentences.append(done.stderr.strip().splitlines()[-1].replace(str(folder), ""))
        assert listing(mount / "out") == before
    return {"refused": sentences}


def make_perturbation(path: Path) -> None:
    budget = Budget("linf", parse_epsilon("8/255"))
    noise = torch.randn(4, 3, 60, 80, generator=torch.Generator().manual_seed(1)) / 16
    Perturbation(budget.project(noise), parse_binding("cyclic:4"), budget).save(path)


def make_seeds(clips: Path, folder: Path) -> list[Path]:
    """The first frames of every clip, with their sound, copied packet by packet into the same kind of file."""
    folder.mkdir(exist_ok=True)
    seeds = []
    for number, clip in enumerate(find_media(clips)):
        target = folder / f"{number:02d}{clip.suffix}"
        if clip.suffix != ".gif":  # its frames need those before them: the muxer refuses a part
            copy_start(clip, target)
            seeds.append(target)
    return seeds


def copy_start(clip: Path, target: Path) -> None:
    with av.open(str(clip)) as source, av.open(str(target), "w") as out:
        streams = {one.index: out.add_stream_from_template(one, opaque=True) for one in list(source.streams)[:2]}
        left = FRAMES
        for packet in source.demux([source.streams[index] for index in streams]):
            if packet.dts is None or left == 0:
                break
            left -= packet.stream.type == "video"
            packet.stream = streams[packet.stream.index]
            out.mux(packet)


def make_mutants(seeds: list[Path], folder: Path, count: int, rng: random.Random) -> dict[str, str]:
    """Damaged copies; gives the kind of damage by name."""
    folder.mkdir(parents=True)
    kinds: dict[str, str] = {}
    for number in range(count):
        seed = seeds[number % len(seeds)]
        kind = rng.choice(list(DAMAGES))
        name = f"{number:04d}-{kind}{seed.suffix}"
        other = rng.choice(seeds).read_bytes()
        (folder / name).write_bytes(DAMAGES[kind](seed.read_bytes(), other, rng))
        kinds[name] = kind
    return kinds


def flip_bits(data: bytes, _: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _number in range(rng.choice((1, 4, 16, 64, 256))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(data: bytes, _: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def splice(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Another file's header before this file's rest."""
    return other[: rng.choice((16, 64, 512, 4096))] + data[rng.choice((0, 16, 64, 512, 4096)) :]


def lie(data: bytes, _: bytes, rng: random.Random) -> bytes:
    """Absurd numbers in the parts that hold sizes and counts: both ends of the file."""
    changed = bytearray(data)
    for _number in range(rng.choice((1, 2, 8))):
        place = rng.randrange(min(4096, len(data) - 4))
        place = place if rng.random() < 0.5 else len(data) - 4 - place
        changed[place : place + 4] = rng.choice(ABSURD)
    return bytes(changed)


DAMAGES: dict[str, Callable[[bytes, bytes, random.Random], bytes]] = {
    "flip": flip_bits, "truncate": truncate, "splice": splice, "lie": lie,
}  # fmt: skip


def lsap(words: list[Any], check: bool = False) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*LSAP, *map(str, words)], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


def check_folder(out: Path) -> None:
    """Every file of the manifest is what it says, and no other lies there."""
    entries = read_manifest(out)
    for entry in entries.values():
        assert output_hash(out / entry.output) == entry.output_sha256, f"{entry.output} is damaged"
    listed = {entry.output for entry in entries.values()}
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    own = {"manifest.jsonl", "perturbation.safetensors", ".lock"}
    assert there - own == listed, f"not in the manifest: {sorted(there - own - listed)}"


def listing(out: Path) -> dict[str, str]:
    return {entry.output: entry.output_sha256 for entry in read_manifest(out).values()}


def wait_for_work(run: Path, most_seconds: float, rng: random.Random) -> None:
    """Until a random moment: mostly when files are being written, now and then earlier."""
    deadline = time.monotonic() + most_seconds
    events = run / "events.jsonl"
    word = rng.choice(('"start"', '"looking', '"applying"', '"applying"', '"applying"', '"file"', '"file"', '"file"'))
    while time.monotonic() < deadline and not (events.exists() and word in events.read_text()):
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 0.8))


def copied(seeds: list[Path], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for seed in seeds:
        shutil.copy(seed, folder / seed.name)
    return folder


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leaves a few kilobytes."""
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(2**12))


if __name__ == "__main__":
    main()
