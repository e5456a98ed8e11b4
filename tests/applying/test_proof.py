import math
from dataclasses import asdict

import pytest
import torch
from torch import Tensor

from lsap_cli.applying.proof import CopyProof, ProofSums, total_proof
from lsap_cli.results.manifest import ManifestEntry
from tests.tiny import make_bytes


def proved(source: Tensor, meant: Tensor, found: Tensor) -> ProofSums:
    proof = ProofSums()
    for frames in zip(source, meant, found, strict=True):
        proof.add(*frames)
    return proof


def entry_of(proof: CopyProof) -> ManifestEntry:
    return ManifestEntry(
        source="a.mp4",
        output="a.mkv",
        source_sha256="0",
        output_sha256="0",
        perturbation_sha256="0",
        codec="ffv1",
        **asdict(proof),
    )


def near(frames: Tensor, size: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(-size, size + 1, frames.shape, generator=generator)
    return (frames.int() + noise).clamp(0, 255).to(torch.uint8)


def test_each_figure_is_what_its_formula_says() -> None:
    source = make_bytes(5, 16, 24)
    meant = near(source, 8, 1)
    found = near(meant, 5, 2)
    change, expected = (frames.double() - source.double() for frames in (found, meant))
    written = proved(source, meant, found).written()
    assert (written.frames, written.height, written.width) == (5, 16, 24)
    assert written.linf == int(change.abs().max())
    assert written.l2_rms == pytest.approx(float(change.square().mean().sqrt()))
    assert written.map == pytest.approx(float(change.abs().mean()))
    assert written.psnr == pytest.approx(20 * math.log10(255 / written.l2_rms))
    assert written.meant_l2_rms == pytest.approx(float(expected.square().mean().sqrt()))
    assert written.cosine == pytest.approx(float((change * expected).sum() / change.norm() / expected.norm()))
    assert written.energy_kept == pytest.approx(float((change * expected).sum() / expected.square().sum()))
    assert written.thickness == pytest.approx(100 * float(change.abs().mean()) / 255)
    assert written.roughness == pytest.approx(100 * float((change - change.roll(1, 0)).abs().mean()) / 255)
    assert written.ssim is not None
    assert 0 < written.ssim < 1
    assert not written.exact


def test_a_file_that_holds_all_of_it_is_exact() -> None:
    source = make_bytes(3, 16, 24)
    meant = near(source, 8, 1)
    written = proved(source, meant, meant).written()
    assert written.exact
    assert written.cosine == pytest.approx(1)
    assert written.energy_kept == pytest.approx(1)


def test_one_wrong_value_is_not_exact() -> None:
    source = make_bytes(3, 16, 24)
    found = near(source, 8, 1)
    found[2, 1, 3, 4] ^= 1
    assert not proved(source, near(source, 8, 1), found).written().exact


def test_a_file_in_which_nothing_changed_has_no_survival_and_no_psnr() -> None:
    source = make_bytes(2, 16, 24)
    written = proved(source, source, source).written()
    assert (written.linf, written.psnr, written.cosine, written.energy_kept) == (0, None, None, None)
    assert written.ssim == 1
    lost = proved(source, near(source, 8, 1), source).written()
    assert (lost.cosine, lost.energy_kept) == (None, 0)


def test_frames_that_are_too_small_have_no_similarity() -> None:
    assert proved(make_bytes(2, 7, 24), make_bytes(2, 7, 24), make_bytes(2, 7, 24)).written().ssim is None


def test_the_sum_over_files_is_that_of_one_long_file() -> None:
    parts = [make_bytes(count, 16, 24, seed) for count, seed in ((3, 1), (6, 2))]
    meant = [near(frames, 8, 3) for frames in parts]
    found = [near(frames, 4, 4) for frames in meant]
    together = proved(torch.cat(parts), torch.cat(meant), torch.cat(found)).written()
    single = [entry_of(proved(*frames).written()) for frames in zip(parts, meant, found, strict=True)]
    total = total_proof(single)
    assert total is not None
    for key in ("linf", "l2_rms", "map", "psnr", "ssim", "meant_l2_rms", "cosine", "energy_kept", "thickness"):
        assert getattr(total, key) == pytest.approx(asdict(together)[key]), key
    assert total_proof([]) is None
