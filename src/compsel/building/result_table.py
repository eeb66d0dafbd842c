"""The choices that a reader of a build's result compares: the model as it runs today, what ships, and a few others."""

from compsel.building.result import Built

__all__ = ["result_rows"]

_MOST = 5  # single variants


def result_rows(built: Built) -> list[tuple[str, str, str, str]]:
    """Return a row for each: what it is, the choice, its cost and its accuracy.

    The single variants are those that nothing beats in both, the fastest first.
    """
    result, trained = built.result, built
    rows = [("this bundle", _ways(built), f"{_cost(built):.2f}", f"{100 * result.ours.accuracy:.1f} %")]
    if result.current is not None and trained.comparison.unit == "ms":
        now = result.current
        rows.insert(0, ("today", now.name, f"{now.latency_ms:.2f}", f"{100 * now.accuracy:.1f} %"))
    figures = {name: (float(one.latency_ms.mean()), float(one.quality.mean())) for name, one in trained.static.items()}
    best = [
        name
        for name, (cost, quality) in sorted(figures.items(), key=lambda item: item[1][0])
        if not any(c <= cost and q >= quality and (c, q) != (cost, quality) for c, q in figures.values())
    ]
    shown = [name for name in best[:_MOST] if len(built.shipped.ways) > 1 or name not in built.shipped.ways]
    rows += [("always", name, f"{figures[name][0]:.2f}", f"{100 * figures[name][1]:.1f} %") for name in shown]
    oracle = trained.comparison.outcomes["oracle"]
    cost, quality = float(oracle.latency_ms.mean()), float(oracle.quality.mean())
    rows.append(("oracle", "the best for each input, in hindsight", f"{cost:.2f}", f"{100 * quality:.1f} %"))
    return rows


def _cost(built: Built) -> float:
    if built.comparison.unit == "ms":
        return built.result.ours.latency_ms
    return built.shipped.latency_ms


def _ways(built: Built) -> str:
    ways = list(built.result.ways or {})
    return ways[0].replace("@", " on ") if len(ways) == 1 else f"{len(ways)} ways, by input"
