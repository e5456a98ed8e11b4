"""What ladders, seeds and natural corruptions come to, in sentences for the summary."""

from collections.abc import Iterator

from lsap_cli.reports.rows import NO_DEFENSE, Estimate, Json, Rate, printable


def ladder_sentences(results: Json) -> Iterator[str]:
    """What the ladders and checks come to, for the summary."""
    found_ladders = results.get("ladder")
    ladders = [
        one
        for one in (found_ladders if isinstance(found_ladders, list) else [])
        if isinstance(one, dict) and one.get("robust")
    ]
    if not ladders:
        return
    found = [(one["defense"], one["robust"][0]) for one in ladders if one["defense"] != NO_DEFENSE and one["robust"]]
    fallen = [
        f"{printable(spec)} {_counted(worst)} (rung {worst['rung']})" for spec, worst in found
    ]  # fmt: skip
    bare = next((one["robust"][0] for one in ladders if one["defense"] == NO_DEFENSE and one["robust"]), None)
    if fallen:
        yield "Against its best attacker each defense keeps: " + ", ".join(fallen) + "."
    if bare:
        yield f"Without a defense: {_counted(bare)}."
    warned = sum(one["status"] == "WARN" for one in results.get("checks") or [])
    if warned:
        yield f"{warned} of {len(results['checks'])} checks warn: read them before believing these figures."


def detector_sentences(results: Json) -> Iterator[str]:
    """What the ladders of the detectors come to, for the summary."""
    ladders = results.get("detector_ladder")
    held = [
        f"{printable(one.get('detector'))} {rate.count} of {rate.of} (rung {printable(worst.get('rung'))})"
        for one in (ladders if isinstance(ladders, list) else [])
        if isinstance(one, dict)
        for worst in (one.get("robust") or [])[:1]
        if isinstance(worst, dict) and (rate := Rate.read(worst.get("robust_rate")))
    ]
    if held:
        yield "Videos that the best attacker who knows a detector does not win: " + ", ".join(held) + "."


def seeds_sentence(results: Json) -> str:
    """What another seed would change, without a defense and with the first sampler; empty for one perturbation.

    `defend` writes a list of cells, `generate` one object over all of its samplers.
    """
    seeds = results.get("seeds") or []
    if isinstance(seeds, dict):
        return _generate_seeds_sentence(seeds)
    cell = next((one for one in seeds if one["defense"] == NO_DEFENSE), None)
    spread = cell and (cell["success_rate"] or cell["fooling_rate"])
    if not cell or not spread:
        return ""
    what = "success rate" if cell["success_rate"] else "fooling rate"
    found = Estimate.read(spread["over_videos"])
    over_videos = f"; the interval over videos is {found.interval}" if found else ""
    return (
        f"Over {len(spread['rates'])} seeds of the perturbation the {what} is {spread['mean']:.2f} with a standard deviation of "
        f"{spread['standard_deviation']:.2f}{over_videos}."
    )


def _generate_seeds_sentence(seeds: Json) -> str:
    """The spread over the seeds that one `generate` run learned; a single seed has none."""
    if seeds["mean"] is None or seeds["standard_deviation"] is None:
        return ""
    return (
        f"Over {len(seeds['rates'])} seeds of the perturbation the rate over all samplers is {seeds['mean']:.2f} "
        f"with a standard deviation of {seeds['standard_deviation']:.2f}."
    )


def natural_sentence(results: Json) -> str:
    """What corruptions of the perturbation's size do; empty where none was measured."""
    equal = (results.get("natural_robustness") or {}).get("equal_norm")
    if not equal:
        return ""
    found = {
        kind: rate
        for kind, one in equal["kinds"].items()
        if one["reached"]
        for rate in [Rate.read(one["accuracy"])]
        if rate
    }
    mine = Rate.read(equal["perturbation"]["accuracy"])
    size = f"{equal['l2_rms']:.1f} levels of root mean square"
    if not found or not mine:
        return f"No natural corruption could be made as large as the perturbation ({size})."
    worst = min(found, key=lambda kind: found[kind].value)
    return (
        f"Of {len(found)} kinds of natural corruption as large as the perturbation ({size}), {printable(worst)} does most harm: "
        f"{found[worst].count} of {found[worst].of} stay right, {mine.count} of {mine.of} under the perturbation."
    )


def _counted(worst: Json) -> str:
    accuracy, fooled = Rate.read(worst["accuracy"]), Rate.read(worst["fooling_rate"])
    if accuracy:
        return f"{accuracy.count} of {accuracy.of}"
    return f"{fooled.of - fooled.count} of {fooled.of} unchanged" if fooled else "nothing that was measured"
