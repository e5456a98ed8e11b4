"""A run's results for the terminal: one table that fits 80 columns, and the sentence that sums it up."""

from collections.abc import Callable

from rich import box
from rich.table import Table
from rich.text import Text

from lsap_cli.reports.rows import NO_ATTACK, NO_DEFENSE, NOISE, Json, Rate, Row, Rows, printable
from lsap_cli.reports.sentences import detector_sentences, ladder_sentences, natural_sentence, seeds_sentence


def format_rate(rate: Json | None) -> str:
    """A rate as it is written everywhere: `0.83 (10/12, 0.55–0.95)`, or a dash where it does not apply."""
    return str(Rate.read(rate) or "–")


def results_table(results: Json) -> Table:
    """A block for each sampler (and perturbation), a line for each defense, rates with counts and intervals.

    Args:
        results: a parsed results.json.
    """
    rows = Rows.read(results)
    columns = _columns(rows)
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        title=Text(_title(rows), style="bold"),
        title_justify="left",
        caption=Text("In each cell: rate, count, 95 % Wilson interval.", style="dim"),
        caption_justify="left",
    )
    names = [defense.partition(":")[0] for defense in rows.defenses] + rows.samplers
    longest = max((len(name) for name in names), default=0)
    table.add_column("defense", min_width=min(18, max(longest, len("no defense"))), overflow="fold")
    for heading, _, _ in columns:
        table.add_column(heading, justify="right", min_width=9)
    wide = len(columns) > 5 or any(row.videos > 99 for row in rows.rows)
    for sampler in rows.samplers:
        for perturbation in rows.perturbations or [NO_ATTACK]:
            _add_block(table, rows, columns, sampler, perturbation, "\n" if wide else " ")
    return table


# heading, attack (None: the perturbation of the block), rate
_Column = tuple[str, str | None, Callable[[Row], Rate | None]]


def _columns(rows: Rows) -> list[_Column]:
    attacks: list[tuple[str, str | None]] = [(NO_ATTACK, NO_ATTACK), (NOISE, NOISE)]
    attacks = [(name, attack) for name, attack in attacks if attack in rows.attacks]
    if rows.perturbations:
        attacks.append(("perturbed", None))
    columns: list[_Column] = []
    if rows.labelled:
        headings = {NO_ATTACK: "clean"}
        columns += [(f"accuracy\n{headings.get(n, n)}", a, lambda row: row.accuracy) for n, a in attacks]
    fooling = attacks if not rows.labelled else attacks[1:]
    if rows.targeted:
        fooling = [(name, attack) for name, attack in fooling if attack is None]
    headings = {NO_ATTACK: "no attack"}
    columns += [(f"fooling\n{headings.get(n, n)}", a, lambda row: row.fooling_rate) for n, a in fooling]
    if rows.targeted:
        columns += [(f"success\n{n}", a, lambda row: row.success_rate) for n, a in attacks[1:]]
    return columns


def _title(rows: Rows) -> str:
    samplers, perturbations = rows.samplers, rows.perturbations
    if len(samplers) != 1 or len(perturbations) > 1:
        return "results"
    return f"sampler {samplers[0]}"


def _add_block(table: Table, rows: Rows, columns: list[_Column], sampler: str, perturbation: str, gap: str) -> None:
    several = len(rows.samplers) > 1 or len(rows.perturbations) > 1
    if several:
        heading = Text(f"sampler {sampler}", style="bold")
        if len(rows.perturbations) > 1:
            heading.append(f"\n{perturbation}")
        table.add_section()
        table.add_row(heading)
    for defense in rows.defenses:
        found = [(rows.find(attack or perturbation, defense, sampler), rate) for _, attack, rate in columns]
        if any(row for row, _ in found):
            cells = [_cell(rate(row) if row else None, gap) for row, rate in found]
            table.add_row(_defense_cell(defense), *cells)


def _defense_cell(defense: str) -> Text:
    """The defense's name, its settings below it: as tall as a rate, and narrow."""
    if defense == NO_DEFENSE:
        return Text("no defense")
    name, _, settings = defense.partition(":")
    return Text.assemble(name, "\n", (settings, "dim"))


def _cell(rate: Rate | None, gap: str) -> Text:
    if rate is None:
        return Text("–", style="dim")
    return Text.assemble((f"{rate.value:.2f}", "bold"), f"{gap}{rate.count}/{rate.of}\n", (rate.interval, "dim"))


def ladder_table(results: Json) -> Table | None:
    """Each defense's worst attacker, with the first sampler; None without a ladder.

    Args:
        results: a parsed results.json.
    """
    ladders = results.get("ladder") or []
    if not ladders:
        return None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    table.title = Text("against attackers who know the defense", style="bold")
    for heading in ("defense", "clean", "worst", "net fooling", "by"):
        table.add_column(heading, overflow="fold")
    for ladder in ladders:
        worst = ladder["robust"][0]
        rate = worst["accuracy"] or worst["fooling_rate"]
        net = worst["net_fooling_rate"]
        table.add_row(
            _defense_cell(printable(ladder["defense"])),
            _cell(Rate.read(worst["clean_accuracy"]), " "),
            _cell(Rate.read(rate), " "),
            f"{net['value']:.2f}" if net else "–",
            printable(worst["attack"].partition(" (")[0]),
        )
    return table


def detector_ladder_table(results: Json) -> Table | None:
    """Each detector's worst attacker; None where no attacker knew one.

    Args:
        results: a parsed results.json.
    """
    found = [(one["detector"], worst) for one in results.get("detector_ladder") or [] for worst in one["robust"]]
    if not found:
        return None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    table.title = Text("detectors against attackers who know them", style="bold")
    for heading in ("detector", "false alarms", "changed", "flagged", "holds", "by"):
        table.add_column(heading, overflow="fold")
    for spec, worst in found:
        rates = [worst[key] for key in ("false_alarms", "fooling_rate", "flagged_rate", "robust_rate")]
        by = printable(worst["attack"].partition(" (")[0])
        table.add_row(_defense_cell(printable(spec)), *(_cell(Rate.read(rate), " ") for rate in rates), by)
    return table


def check_lines(results: Json) -> list[str]:
    """The checks as lines, warnings first."""
    ordered = sorted(results.get("checks") or [], key=lambda one: one["status"] != "WARN")
    return [f"{one['status']}  {one['defense']}: {one['name']}: {one['figure']}" for one in ordered]


def check_table(document: Json) -> Table:
    """The findings of `lsap models check`, and the accuracy where it was measured.

    Args:
        document: as the check wrote it.
    """
    colors = {"PASS": "green", "WARN": "yellow", "FAIL": "red"}
    table = Table(
        box=None,
        show_header=False,
        padding=(0, 2, 0, 0),
        title=Text(document["model"], style="bold"),
        title_justify="left",
    )
    for one in document["findings"]:
        table.add_row(Text(one["verdict"], style=colors[one["verdict"]]), one["test"], Text(one["figure"]))
    if accuracy := document.get("accuracy"):
        table.add_row("", "top-1", format_rate(accuracy["top1"]))
        table.add_row("", "top-5", format_rate(accuracy["top5"]))
        table.add_row("", "protocol", accuracy["protocol"])
    return table


def summary_sentence(results: Json) -> str:
    """What the run found, in plain language; computed from the rows, so it cannot disagree with the table.

    It speaks of the first sampler, and says how far the others differ.

    Args:
        results: a parsed results.json.
    """
    return " ".join(summary_sentences(results))


def summary_sentences(results: Json) -> list[str]:
    """The parts of the summary: what the attack did, then accuracy, other samplers and defenses."""
    rows = Rows.read(results)
    if not rows.rows:
        return ["Nothing was measured: the run has no rows."]
    sampler = rows.samplers[0]
    attacked = rows.strongest(sampler)
    if attacked is None:
        return _without_attack(rows, sampler)
    target = (results.get("protocol") or {}).get("target")
    sentences = [
        _attack_sentence(rows, attacked, printable(target) if target else "the target"),
        _accuracy_sentence(rows, attacked),
        _samplers_sentence(rows, attacked.attack),
        seeds_sentence(results),
        _defense_sentence(rows, attacked),
        natural_sentence(results),
        *ladder_sentences(results),
        *detector_sentences(results),
    ]
    return [sentence for sentence in sentences if sentence]


def _without_attack(rows: Rows, sampler: str) -> list[str]:
    where = " without a defense" if rows.perturbations else ""
    sentences = [f"No perturbed videos were measured{where}."]
    clean = rows.clean_accuracy(NO_DEFENSE, sampler)
    noise = rows.find(NOISE, NO_DEFENSE, sampler)
    if clean:
        sentences.append(f"The classifier is right about {_of(clean)} clean videos ({_interval(clean)}).")
    if noise and noise.fooling_rate:
        rate = noise.fooling_rate
        sentences.append(f"Noise changed the prediction of {_of(rate)} videos ({_interval(rate)}).")
    return sentences


def _attack_sentence(rows: Rows, attacked: Row, target: str) -> str:
    """What the perturbation did to the predictions, against noise of the same size."""
    noise = rows.find(NOISE, NO_DEFENSE, attacked.sampler)
    count = len(rows.perturbations)
    who = f"The perturbation “{attacked.attack}”"
    if count > 1:
        who = f"“{attacked.attack}”, the strongest of {count} perturbations,"
    if len(rows.samplers) > 1:
        who = f"With the sampler {attacked.sampler}, {who[0].lower() + who[1:] if count == 1 else who}"
    if attacked.success_rate:
        rate, control = attacked.success_rate, noise.success_rate if noise else None
        did = f"{who} turned {_of(rate)} videos into “{target}” (success rate {_interval(rate)})"
        also = attacked.fooling_rate
        ending = f" It changed the prediction of {_of(also)}." if also else ""
        return f"{did}; {_control(rate, control, 'turned')}{ending}"
    if attacked.fooling_rate:
        rate, control = attacked.fooling_rate, noise.fooling_rate if noise else None
        did = f"{who} changed the prediction of {_of(rate)} videos (fooling rate {_interval(rate)})"
        return f"{did}; {_control(rate, control, 'changed')}"
    return ""


def _control(rate: Rate, noise: Rate | None, verb: str) -> str:
    if noise is None:
        return "without a noise control it cannot be said how much of that any noise would do."
    beside = f"noise of the same size {verb} {_of(noise)} ({noise.value:.2f}, {noise.interval})."
    if rate.value <= noise.value:
        return f"{beside} So the perturbation did no more than noise."
    if rate.overlaps(noise):
        return f"{beside} The two intervals overlap; more videos would narrow them."
    return beside


def _accuracy_sentence(rows: Rows, attacked: Row) -> str:
    clean = rows.clean_accuracy(NO_DEFENSE, attacked.sampler)
    if not attacked.accuracy or not clean:
        return "" if rows.labelled else "The videos have no labels, so nothing is said about accuracy."
    before, after = _of(clean), _of(attacked.accuracy)
    return f"The classifier is right about {before} clean videos and {after} perturbed ones."


def _samplers_sentence(rows: Rows, attack: str) -> str:
    if len(rows.samplers) < 2:
        return ""
    found = [rows.find(attack, NO_DEFENSE, sampler) for sampler in rows.samplers]
    rates = [(row.fooling_rate, row.sampler) for row in found if row and row.fooling_rate]
    if len(rates) < 2:
        return ""
    low, high = min(rates, key=lambda r: r[0].value), max(rates, key=lambda r: r[0].value)
    if low[0].value == high[0].value:
        return f"All {len(rates)} samplers give the same fooling rate."
    return (
        f"Over {len(rates)} samplers the fooling rate goes from {low[0].count}/{low[0].of} ({low[1]}) "
        f"to {high[0].count}/{high[0].of} ({high[1]})."
    )


def _defense_sentence(rows: Rows, attacked: Row) -> str:
    best = rows.best_defended(attacked.attack, attacked.sampler)
    if best is None:
        return "No defense was tried."
    defenses = len(rows.defenses) - (NO_DEFENSE in rows.defenses)
    if best.accuracy and attacked.accuracy:
        if best.accuracy.value <= attacked.accuracy.value:
            return _no_help(defenses, best.defense)
        outcome = (
            f"{_of(best.accuracy)} perturbed videos right ({_interval(best.accuracy)}; {_bare(attacked.accuracy)})"
        )
        clean = rows.clean_accuracy(best.defense, best.sampler)
        cost = f", {_of(clean)} clean ones" if clean else ""
        return f"{_helper(defenses, best.defense)}: {outcome}{cost}."
    if best.fooling_rate and attacked.fooling_rate:
        if best.fooling_rate.value >= attacked.fooling_rate.value:
            return _no_help(defenses, best.defense)
        bare = _bare(attacked.fooling_rate)
        outcome = f"{_of(best.fooling_rate)} predictions changed ({_interval(best.fooling_rate)}; {bare})"
        alone = rows.find(NO_ATTACK, best.defense, best.sampler)
        changed = alone.fooling_rate if alone else None
        cost = f"; without any attack it changes {_of(changed)} by itself" if changed else ""
        return f"{_helper(defenses, best.defense)}: {outcome}{cost}."
    return ""


def _helper(defenses: int, best: str) -> str:
    return f"Of {defenses} defenses, {best} helps most" if defenses > 1 else f"The defense {best} helps"


def _no_help(defenses: int, best: str) -> str:
    if defenses > 1:
        return f"None of the {defenses} defenses does better than no defense."
    return f"The defense {best} does no better than no defense."


def _of(rate: Rate) -> str:
    return f"{rate.count} of {rate.of}"


def _bare(rate: Rate) -> str:
    """What a defense is compared with: a difference of a video or two is no difference."""
    return f"without it {rate.count}"


def _interval(rate: Rate) -> str:
    return f"{rate.value:.2f}, 95 % interval {rate.interval}"
