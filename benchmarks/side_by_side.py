"""Two versions of lsap on one machine, in turns: what every ratio against an earlier commit is measured with."""

import statistics
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path

BASE = "b5f3024"  # what the ratios of the project's goals are against
PROJECT = Path(__file__).resolve().parent.parent


def checked_out(revision: str, folder: Path) -> Path:
    """The tree of a commit of this repository, unpacked once below a folder.

    Args:
        revision: a commit; `.` is the present working tree, which is taken as it is.
        folder: where it is unpacked.

    Returns:
        The tree.
    """
    if revision == ".":
        return PROJECT
    tree = folder / f"lsap-{revision}"
    if not tree.exists():
        tree.mkdir(parents=True)
        packed = subprocess.run(
            ["git", "-C", str(PROJECT), "archive", revision], check=True, stdout=subprocess.PIPE
        ).stdout
        subprocess.run(["tar", "-x", "-C", str(tree)], input=packed, check=True)
    return tree


def python_of(tree: Path, folder: Path) -> Path:
    """A Python that imports lsap from a tree and everything else from where this one has it.

    A virtual environment without an editable finder, whose start would count in favor of neither.
    """
    environment = folder / f"python-{tree.name}"
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
        packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
        installed = [path for path in sys.path if path.endswith("site-packages")]
        (packages / "aa_lsap.pth").write_text("\n".join([str(tree), *installed]) + "\n")
        program = environment / "bin" / "lsap"
        program.write_text(f'#!{python}\nfrom lsap_cli.main import run\nif __name__ == "__main__":\n    run()\n')
        program.chmod(0o755)
    return python


def in_turns(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each way measures, one after the other, for some rounds; the order is turned around from round to round."""
    measured: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways) if number % 2 == 0 else reversed(list(ways)):
            measured[name].append(ways[name]())
    return measured


def median_ratio(measured: Mapping[str, list[float]], of: str, to: str) -> float:
    """The median over rounds of one way's figure divided by the other's of the same round."""
    return statistics.median(one / other for one, other in zip(measured[of], measured[to], strict=True))
