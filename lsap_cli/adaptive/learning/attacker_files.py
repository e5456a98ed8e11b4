"""What attackers leave in the run folder, each beside the settings that it was learned with.

A resumed run takes a file only where the settings are its own: what differs is named, never mixed into one table.
Videos, network and the version of lsap are compared for the whole run (`lsap_cli.runs.inputs`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from lsap_cli.adaptive.learning.fit_videos import LearningSetup
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.classifiers.labels import slug
from lsap_cli.errors import LsapError
from lsap_cli.hashing import content_hash
from lsap_cli.results.files import encode_document, write_atomically, write_errors_named
from perturbations import Budget, Perturbation

FOLDER = "attackers"


class FinishedRound(msgspec.Struct, frozen=True, kw_only=True):
    """What an attacker had spent and won after a round of a race.

    Attributes:
        steps: up to its end.
        seconds: likewise.
        won: clips of the verification videos, in their order; of the last round, which is not verified, none.
        loss: mean margin over these clips, in logits; the lower, the more the attacker does.
    """

    steps: int
    seconds: float
    won: tuple[bool, ...] = ()
    loss: float = 0.0


class LearnedWith(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of an attacker depends on, and how far it is: attackers/*.settings.json.

    Attributes:
        settings: everything that determines the perturbation, by name.
        perturbation_sha256: of the finished file; null before.
        steps: taken for it.
        seconds: spent on them.
        begins_at: `zeros`, or the attack whose perturbation learning began at; null before it began.
        rounds: of a race.
    """

    settings: dict[str, str]
    perturbation_sha256: str | None = None
    steps: int = 0
    seconds: float = 0.0
    begins_at: str | None = None
    rounds: tuple[FinishedRound, ...] = ()


@dataclass(frozen=True)
class AttackerFiles:
    """The files of a run's attackers.

    Attributes:
        folder: in the run folder.
        classifier: its name.
        shared: settings that all attackers have in common.
        resume: whether files of an earlier part of the run are taken.
    """

    folder: Path
    classifier: str
    shared: Mapping[str, str]
    resume: bool
    _begun: dict[str, LearnedWith] = field(default_factory=dict)

    def path(self, attacker: Attacker, ending: str) -> Path:
        """A file of the attacker."""
        return self.folder / f"{slug(f'{self.classifier} {attacker.name}')}{ending}"

    def perturbation_path(self, attacker: Attacker) -> Path:
        """The finished perturbation."""
        return self.path(attacker, ".safetensors")

    def begin(self, attacker: Attacker) -> None:
        """Before any other file of an attacker is read or written: compares its settings, or writes them.

        Raises:
            LsapError: if files of an earlier part of the run were made with other settings.
        """
        settings = self._settings(attacker)
        before = self._learned_with(attacker)
        if before is None:
            if attacker.name not in self._begun:
                self.note(attacker, LearnedWith(settings=settings))
            return
        self._begun[attacker.name] = before
        differing = [key for key in {**before.settings, **settings} if before.settings.get(key) != settings.get(key)]
        if differing:
            key = differing[0]
            others = f", as {', '.join(differing[1:])}" if len(differing) > 1 else ""
            raise self._refused(
                attacker, f"its {key} was {before.settings.get(key)}, that of this run is {settings.get(key)}{others}"
            )

    def finished(self, attacker: Attacker) -> Perturbation | None:
        """The perturbation that an earlier part of the run has learned; None: it has not.

        Raises:
            LsapError: if the file is another one than was learned.
        """
        path, before = self.perturbation_path(attacker), self._learned_with(attacker)
        if before is None or not path.exists():
            return None
        if content_hash(path) != before.perturbation_sha256:
            raise self._refused(attacker, "it is not the file that was written there")
        try:
            learned = Perturbation.load(path)
        except ValueError as error:
            raise self._refused(attacker, str(error)) from None
        for what, expected, stored in (
            ("budget", _budget_text(attacker.budget), _budget_text(learned.budget)),
            ("binding", str(attacker.binding), str(learned.binding)),
        ):
            if expected != stored:
                raise self._refused(attacker, f"its {what} is {stored}, that of this run is {expected}")
        return learned

    def progress(self, attacker: Attacker) -> LearnedWith:
        """How far the attacker is; `begin` was called before."""
        return self._begun[attacker.name]

    def note(self, attacker: Attacker, progress: LearnedWith) -> None:
        """Writes how far the attacker is, whole or not at all."""
        self._begun[attacker.name] = progress
        self._write(attacker, progress)

    def finish(self, attacker: Attacker, learned: Perturbation, steps: int, seconds: float) -> None:
        """Writes a perturbation, whole or not at all.

        Args:
            attacker: whose.
            learned: what it has learned.
            steps: taken for it.
            seconds: spent on them.
        """
        path = self.perturbation_path(attacker)
        partial = path.with_suffix(".partial")
        try:
            with write_errors_named(path):
                learned.save(partial)
            sha256 = content_hash(partial)
            done = {"perturbation_sha256": sha256, "steps": steps, "seconds": round(seconds, 2)}
            self.note(attacker, msgspec.structs.replace(self.progress(attacker), **done))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _settings(self, attacker: Attacker) -> dict[str, str]:
        start = attacker.start
        return {
            "method": repr(attacker.attack),
            "defense": repr(attacker.defense),
            "budget": _budget_text(attacker.budget),
            "binding": str(attacker.binding),
            "steps": str(attacker.steps),
            "draws": str(attacker.draws),
            "low frequency": str(attacker.low_frequency),
            "striped": str(attacker.striped),
            "detector": repr(attacker.detector),
            "tolerated share": str(attacker.tolerated_share),
            "start": "zeros"
            if start is None
            else hashlib.sha256(start.delta.contiguous().numpy().tobytes()).hexdigest(),
            **self.shared,
        }

    def _learned_with(self, attacker: Attacker) -> LearnedWith | None:
        """The settings of an earlier part of the run; None where there is none."""
        path = self.path(attacker, ".settings.json")
        if not self.resume:
            return None
        if not path.exists():
            if any(self.path(attacker, ending).exists() for ending in (".safetensors", ".state")):
                raise self._refused(attacker, f"there is no {path.name} with the settings that it was learned with")
            return None
        try:
            return msgspec.json.decode(path.read_bytes(), type=LearnedWith)
        except msgspec.DecodeError as error:
            raise self._refused(attacker, f"{path.name} is damaged: {error}") from None

    def _write(self, attacker: Attacker, learned_with: LearnedWith) -> None:
        write_atomically(self.path(attacker, ".settings.json"), encode_document(learned_with))

    def _refused(self, attacker: Attacker, why: str) -> LsapError:
        path = self.perturbation_path(attacker)
        return LsapError(
            f"--resume: {path} cannot be taken: {why}; remove the files of that name to learn it anew, or start a new "
            "run with another --run"
        )


def attacker_files(run_folder: Path, setup: LearningSetup, resume: bool) -> AttackerFiles:
    """The files of a run's attackers, in a folder that is made.

    Args:
        run_folder: of the run.
        setup: what all attackers have in common.
        resume: whether files of an earlier part of the run are taken.
    """
    folder = run_folder / FOLDER
    folder.mkdir(exist_ok=True)
    return AttackerFiles(folder, setup.classifier.name, _shared_settings(setup), resume)


def _budget_text(budget: Budget) -> str:
    return f"{budget.norm} {budget.epsilon_text}"


def _shared_settings(setup: LearningSetup) -> dict[str, str]:
    return {
        "samplers": ", ".join(map(repr, setup.samplers)),
        "objective": repr(setup.objective),
        "seed": str(setup.seed),
    }
