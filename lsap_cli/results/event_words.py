"""Events in words, the same on the terminal and in the dashboard's log. No markup: names are shown as they are."""

from lsap_cli.results.base import or_none
from lsap_cli.results.events import FileEvent, FramesEvent, ResumedEvent, SkippedEvent, SplitEvent, VerificationEvent
from lsap_cli.results.spread import SamplerRange

LEFT_OUT = "left out"


def sampler_range_of(event: VerificationEvent) -> SamplerRange | None:
    """The worst and the best sampler of a verification; None in files of version 0.1, which have one rate."""
    rates = or_none(event.by_sampler)
    return None if rates is None else SamplerRange.of_rates(rates)


def verification_words(event: VerificationEvent) -> str:
    """The fooling rate during learning: with the worst and the best sampler where both are known; empty: no rate."""
    fooling = sampler_range_of(event)
    if fooling is not None:
        return f"step {event.step}: fooling rate on {fooling.lowest.of} unseen videos and unseen samplers {fooling}"
    if event.fooled is None:
        return ""
    return f"step {event.step}: fooling rate {event.fooled.value:.2f} ({event.fooled.interval}, n {event.fooled.of})"


def skipped_words(event: SkippedEvent) -> str:
    """A video that is left out, and why."""
    return f"{LEFT_OUT} {event.path}: {event.reason}"


def split_words(event: SplitEvent) -> str:
    """The sizes of the parts of a set, and what decoding them took."""
    return (
        f"{event.fit} videos to learn from, {event.verify} to verify on; decoded in {event.decode_seconds:.0f} s, "
        f"{(event.memory_bytes + event.disk_bytes) / 2**20:.0f} MB of frames"
    )


def resumed_words(event: ResumedEvent) -> str:
    """Where a run goes on."""
    return f"resumed after step {event.step}"


def file_words(event: FileEvent) -> str:
    """A written file, and the largest change in it."""
    linf = or_none(event.linf)
    return event.path + (f": largest change {linf:.0f}/255" if linf is not None else "")


def frames_words(event: FramesEvent) -> str:
    """How far a file is; empty before the pace is known."""
    if event.frames_per_second is None:
        return ""
    pace = f"{event.frames_per_second:.0f} a second"
    return f"{event.path}: {event.doing} frame {event.frame} of {event.frames}, {pace}"


def pace_text(pace: float, unit: str = "clip") -> str:
    """How fast something goes: `12 clips/s`, `1.4 clips/s`, or `3.2 s a clip` where it is slow.

    Args:
        pace: a second, above 0.
        unit: what is counted, in the singular.
    """
    if pace < 1:
        return f"{1 / pace:.1f} s a {unit}"
    return f"{pace:.{0 if pace >= 3 else 1}f} {unit}s/s"
