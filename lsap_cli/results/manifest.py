"""The manifest of a folder of perturbed videos: one line a file."""

from pathlib import PurePosixPath

from lsap_cli.results.base import Count, Result

MANIFEST_FILE = "manifest.jsonl"
PERTURBATION_COPY = "perturbation.safetensors"  # beside the manifest: what was added


class EffectiveNorms(Result, frozen=True, kw_only=True):
    """How much frames were changed, measured on what a reader decodes.

    Attributes:
        linf: the largest change of any value, in levels of 0-255.
        l2_rms: root mean square, in levels of 0-255.
        map: mean absolute change, in levels of 0-255.
    """

    linf: float
    l2_rms: float
    map: float


def noise_name(measured: EffectiveNorms | None) -> str:
    """What a sentence calls the noise control: by its size in the frames, where that was measured."""
    if measured is None:
        return "noise of the same budget"
    return f"noise of root mean square {measured.l2_rms:.2f}/255"


class ProofTotals(Result, frozen=True, kw_only=True):
    """The proof over several files; as in the manifest, over all elements.

    Attributes:
        linf: in levels of 0-255.
        l2_rms: in levels of 0-255.
        map: in levels of 0-255.
        psnr: in dB; null where nothing changed.
        ssim: null where it is not known.
        meant_l2_rms: root mean square of what was to be added, in levels of 0-255.
        cosine: between what was to be added and what is there.
        energy_kept: share of what was to be added that is there.
        thickness: mean absolute change, in percent of the range.
        roughness: mean absolute difference of consecutive changes, in percent of the range.
    """

    linf: float
    l2_rms: float
    map: float
    psnr: float | None = None
    ssim: float | None = None
    meant_l2_rms: float = 0.0
    cosine: float | None = None
    energy_kept: float | None = None
    thickness: float = 0.0
    roughness: float = 0.0


class ManifestEntry(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.manifest/1"):
    """One perturbed file: what it was made of, and the proof of it.

    Attributes:
        source: the video's name in VIDEOS.
        output: the path in OUT.
        source_sha256: of the source.
        output_sha256: of the output; of a folder of frames: over lines of name, NUL and SHA-256 of each file in it, in
            the order of the names.
        perturbation_sha256: of the perturbation file that was given.
        codec: as given.
        segment: as given.
        strength: as given.
        frames: of the source.
        height: of the source, upright.
        width: of the source, upright.
        linf: the largest change of any value, in levels of 0-255.
        l2_rms: root mean square of all changes, in levels.
        map: mean absolute change, in levels.
        psnr: in dB; null where nothing changed.
        ssim: structural similarity to the source; null below 8 pixels a side.
        ssim_frames: how many frames it was measured on; null: all of them.
        meant_l2_rms: root mean square of what was to be added, rounded and cut.
        cosine: between what was to be added and what is there; null where either is nothing.
        energy_kept: share of what was to be added that is there; null where nothing was.
        thickness: mean absolute change, in percent of the range (Pony et al. 2021).
        roughness: mean absolute difference of consecutive changes, in percent of the range (Pony et al. 2021).
        exact: whether every frame is the source plus the rounded perturbation, cut to 0..255.
        over_budget: whether the measured norm exceeds the budget.
        remarks: sentences on what is not in the copy as it was in the source.
    """

    source: str
    output: str
    source_sha256: str
    output_sha256: str
    perturbation_sha256: str
    codec: str
    segment: str | None = None
    strength: float = 1.0
    frames: Count
    height: Count
    width: Count
    linf: float
    l2_rms: float
    map: float
    psnr: float | None = None
    ssim: float | None = None
    ssim_frames: Count | None = None
    meant_l2_rms: float = 0.0
    cosine: float | None = None
    energy_kept: float | None = None
    thickness: float = 0.0
    roughness: float = 0.0
    exact: bool = False
    over_budget: bool = False
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        output = PurePosixPath(self.output)
        if output.is_absolute() or ".." in output.parts:
            raise ValueError(f"its output {self.output[:80]} leads out of the folder")

    @property
    def similar_frames(self) -> int:
        """Weight of this file in the mean similarity."""
        return self.frames if self.ssim_frames is None else self.ssim_frames

    @property
    def elements(self) -> int:
        """Weight of this file in totals: frames x height x width."""
        return self.frames * self.height * self.width
