"""The tables of a characterisation, as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from compsel.evaluation.characterization.averages import Average, average_changes
from compsel.evaluation.characterization.ispa2018 import QUANTISATION_ENERGY, counterpart
from compsel.evaluation.characterization.row_domination import RowDomination
from compsel.evaluation.characterization.rows import Row
from compsel.profiling.confidence_intervals import Estimate

__all__ = ["to_markdown"]

_INTRODUCTION = """\
Every variant ran in turns with its uncompressed model on this machine, so that what drifts hits both; "x none" is the
ratio of their median latencies. Latencies are of single inputs: decoded input in, outputs out, preprocessing included,
loading excluded, repeated until the 95 % confidence interval of the mean was below 5 % of it or the budget was spent.
Load time and peak memory are those of a new process (interpreter and runtime included). Ranges in brackets are 95 %
confidence intervals: of the mean for latencies, by bootstrap for all else. Agreement and KL (nats) compare with the
uncompressed model's answers. "Dominated" means: slower than the named variant for certain, and no better.
"""
_UNTRAINED = (
    "Its answers are no better than guessing (seeded weights, not trained ones): it has no accuracy, only fidelity to "
    "itself, which says little about trained weights."
)
_HEADER = (
    *("technique", "processor", "MB", "load ms", "peak MB", "mean ms", "p50", "p95", "runs", "x none", "energy mJ"),
    *("accuracy", "agreement", "KL", "verdict"),
)
_AVERAGES = (
    *("technique", "networks", "size", "time {processors}", "accuracy (trained networks)", "agreement", "memory"),
    *("energy", "paper's", "size", "time", "accuracy", "memory", "energy", "time, same sign"),
)


def to_markdown(
    rows: Sequence[Row],
    dominations: Mapping[str, RowDomination],
    device: Mapping[str, Any],
    pictures: Iterable[str] = (),
) -> str:
    """Return all tables: averages beside the paper's, what is dominated and why, each network, what was left out.

    Args:
        rows: of one characterisation.
        dominations: by label of the row, see `dominated_rows`.
        device: its fingerprint.
        pictures: file names, beside the text.
    """
    models = list(dict.fromkeys(row.model for row in rows))
    parts = [
        "# Compression, characterised",
        f"{_device(device)}\n\n{_INTRODUCTION}{_energy(rows)}",
        "## Averages over networks, beside ISPA 2018",
        _averages(average_changes(rows)),
        "## Traps: slower than the uncompressed network, and no better",
        _traps(rows, dominations),
        "## Dominated by another variant of the same network",
        _dominated_by_others(rows, dominations),
        *(f"![{name}]({name})" for name in pictures),
        *(f"## {model}\n\n{_network([row for row in rows if row.model == model], dominations)}" for model in models),
        "## Left out",
        _left_out(rows),
    ]
    return "\n\n".join(parts) + "\n"


def _device(device: Mapping[str, Any]) -> str:
    sets = ", ".join(device.get("instruction_sets", ())) or "unknown instruction sets"
    return f"{device.get('cpu')}, {device.get('usable_cores')} cores ({sets}), {device.get('onnxruntime')}."


def _energy(rows: Sequence[Row]) -> str:
    meters = sorted({row.meter for row in rows if row.meter})
    if not meters:
        return "There was no energy meter, so there are no figures of energy."
    how = "guessed, not measured" if any(name.startswith("estimate") for name in meters) else "measured"
    return f"Energy is {how}, above what idling takes: {', '.join(meters)}."


def _averages(averages: Mapping[str, Average]) -> str:
    if not averages:
        return "Only uncompressed models were measured."
    processors = list(dict.fromkeys(name for average in averages.values() for name in average.time))
    header = [
        word
        for name in _AVERAGES
        for word in ([name.format(processors=p) for p in processors] if "{" in name else [name])
    ]
    lines = []
    for average in averages.values():
        paper = counterpart(average.technique)
        energy = _change(paper.energy) if paper else ""
        if paper and paper.energy is None:
            energy = " to ".join(_change(value) for value in QUANTISATION_ENERGY)
        times = [average.time.get(processor) for processor in processors]
        lines.append(
            [
                average.technique,
                str(average.networks),
                _change(average.size),
                *(_change_with_interval(time) for time in times),
                _points(average.accuracy) + (f" ({average.trained})" if average.trained else ""),
                _percent(average.agreement),
                _change(average.memory),
                _change(average.energy),
                *([paper.name, _change(paper.size), _change(paper.time)] if paper else [""] * 3),
                *([_points(paper.accuracy), _change(paper.memory), energy] if paper else [""] * 3),
                _same_sign([time for time in times if time is not None], paper.time) if paper else "",
            ]
        )
    note = (
        "Changes against the uncompressed network. Time: geometric mean over networks. The paper: Jetson TX2, GPU, "
        "TensorFlow 1.6, 2018 (its energy of quantisation is a range over three widths; its pruning was retrained)."
    )
    return f"{note}\n\n{_table(header, lines)}"


def _same_sign(times: Sequence[Estimate], paper: float) -> str:
    sure = [time.value for time in times if time.low > 0 or time.high < 0]
    if not sure:
        return "no sure difference here"
    same = [value * paper > 0 for value in sure]
    return "yes" if all(same) else "no" if not any(same) else "on some processors"


def _traps(rows: Sequence[Row], dominations: Mapping[str, RowDomination]) -> str:
    lines = [
        [row.model, row.technique, row.processor, str(found.domination), found.why or "not known"]
        for row, found in _dominated(rows, dominations)
        if found.domination is not None and found.domination.by == "none"
    ]
    return _table(("network", "technique", "processor", "how", "why"), lines) if lines else "None."


def _dominated_by_others(rows: Sequence[Row], dominations: Mapping[str, RowDomination]) -> str:
    lines = [
        [row.model, row.technique, row.processor, str(found.domination)]
        for row, found in _dominated(rows, dominations)
        if found.domination is not None and found.domination.by != "none"
    ]
    return _table(("network", "technique", "processor", "how"), lines) if lines else "None."


def _dominated(rows: Sequence[Row], dominations: Mapping[str, RowDomination]) -> list[tuple[Row, RowDomination]]:
    return [
        (row, dominations[row.label]) for row in rows if row.label in dominations and dominations[row.label].domination
    ]


def _network(rows: Sequence[Row], dominations: Mapping[str, RowDomination]) -> str:
    measured = [row for row in rows if not row.left_out]
    lines = [_line(row, dominations[row.label].mark if row.label in dominations else "") for row in measured]
    n_samples = next((row.n_samples for row in measured if row.n_samples), 0)
    note = f"Answers to {n_samples} samples."
    if any(row.trained is False for row in measured):
        note += f" {_UNTRAINED}"
    elif all(row.accuracy is None for row in measured):
        note += " Without labels: fidelity to the uncompressed model only."
    return f"{note}\n\n{_table(_HEADER, lines)}"


def _line(row: Row, mark: str) -> list[str]:
    return [
        row.technique,
        row.processor,
        _number(row.size_mb, ".1f"),
        _number(row.load_ms, ".0f"),
        _number(row.peak_mb, ".0f"),
        _number(row.latency_ms, ".2f"),
        _number(row.p50_ms, ".2f"),
        _number(row.p95_ms, ".2f"),
        _number(row.runs, "d"),
        _number(row.ratio, ".2f"),
        _number(row.energy_mj, ".1f"),
        "fidelity only" if row.accuracy is None else _number(row.accuracy, ".1%"),
        _number(row.agreement, ".1%") or _number(row.relative_error, ".4f"),
        _number(row.kl, ".4f"),
        mark,
    ]


def _left_out(rows: Sequence[Row]) -> str:
    lines = [[row.label, row.left_out] for row in rows if row.left_out]
    return _table(("variant", "why"), lines) if lines else "Nothing."


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    shown = ["| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in (header, *lines)]
    return "\n".join([shown[0], "|" + " --- |" * len(header), *shown[1:]])


def _number(value: float | Estimate | None, spec: str) -> str:
    return "" if value is None else f"{value:{spec}}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _change(value: float | None) -> str:
    return "" if value is None else f"{value:+.1%}"


def _points(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.1f} pt"


def _change_with_interval(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate:+.0%}"
