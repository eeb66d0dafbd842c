"""From a goal to per-layer settings: sensitivities, the path of least loss, the setting on it that meets the goal."""

import bisect
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from compsel import __version__
from compsel.building.search.expected_quality import deviation, expected_quality, loss_rate
from compsel.building.search.journal import Journal
from compsel.building.search.points import SearchPoint, pareto_front
from compsel.errors import NotApplicableError, ObjectiveError, SamplesError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.file_outputs import with_file_outputs
from compsel.models.model import Model
from compsel.processors import parse
from compsel.profiling.latency import Criterion
from compsel.profiling.paired_timer import measure_pair
from compsel.progress import SILENT, Reporter
from compsel.selection.goals import Goal
from compsel.storage.file_names import slug
from compsel.techniques.layerwise.budget import LayerwiseModel, greedy_path, probe_level
from compsel.techniques.layerwise.output_divergence import DivergenceMeter
from compsel.techniques.layerwise.partial_execution import PartialExecutor
from compsel.techniques.layerwise.technique import LayerwiseTechnique, layers_text

__all__ = ["SearchResult", "search"]

_FEWEST_SAMPLES = 4
_PROBE_SHARES = (1 / 7, 1 / 2)  # of a layer's own loss at its highest level
_SPREAD_POINTS = 6  # that spread over the path, for the front
_TIMED_SAMPLES = 4
_TIMING = Criterion(min_runs=15, max_runs=15, budget_s=math.inf)  # of each point, beside the uncompressed model
_TOLERANCE = 2.0  # standard deviations by which a measured quality may lie below the expected one
# 0.9 - 0.01 is a little less than 0.89
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Result of a search.

    Attributes:
        chosen: the point of the front that is expected to meet the goal at the least cost; None when none is.
        reason: why none is, or the technique that meets the goal.
        front: the Pareto front, the fastest first; the model itself is one of its candidates.
        expected: quality of each point of the front to expect on other samples, by technique.
        files: ONNX file of each point of the front, by technique.
        layers: how many could be adjusted.

    >>> SearchResult(None, "too slow", (), {}, {}, 0).reason
    'too slow'
    """

    chosen: SearchPoint | None
    reason: str
    front: tuple[SearchPoint, ...]
    expected: dict[str, float]
    files: dict[str, Path]
    layers: int


def search(
    model: Model,
    technique: LayerwiseTechnique,
    samples: Samples,
    goal: Goal,
    out_dir: str | os.PathLike[str],
    *,
    processor: str = "cpu:1",
    reporter: Reporter = SILENT,
) -> SearchResult:
    """Search per-layer settings of a technique.

    Half of the samples fit the layers, the other half validates. Each layer alone is compressed at two
    levels, and the divergence of the network's output measured; then the steps that lose least for the work they save
    are taken one after the other; on that path lie the settings that are measured: some spread over it, and those by
    which the last one that meets the goal is found (bisection). Everything measured is in `out_dir/search.json` at
    once; the same search takes it up.

    Args:
        model: what to compress.
        technique: its options other than `fraction`, `scope` and `layers` count.
        samples: at least 4; with labels, quality is accuracy, else agreement with the model.
        goal: `max_loss` counts from the model's own quality; `minimize` is "latency" or "memory" (bytes of the file).
        out_dir: where the variants of the front go.
        processor: where latency is measured.
        reporter: progress and messages.

    Raises:
        NotApplicableError: nothing in the model can be adjusted.
        ObjectiveError: a goal for what is not measured here.
        SamplesError: too few samples.
    """
    if goal.minimize not in ("latency", "memory"):
        raise ObjectiveError(f"goal: got {goal.minimize!r} to minimise, a search measures latency and memory")
    if len(samples) < _FEWEST_SAMPLES:
        raise SamplesError(f"search: got {len(samples)} samples, needed are at least {_FEWEST_SAMPLES}")
    folder = Path(out_dir)
    run = _Search(model, technique, samples, folder, processor, reporter)
    return run.run(goal)


class _Search:
    def __init__(
        self,
        model: Model,
        technique: LayerwiseTechnique,
        samples: Samples,
        folder: Path,
        processor: str,
        reporter: Reporter,
    ) -> None:
        self.model, self.folder, self.reporter = model, folder, reporter
        self.technique = replace(technique, fraction=0.0, scope="global", layers="")
        fitted, validation = samples.subset(range(0, len(samples), 2)), samples.subset(range(1, len(samples), 2))
        key = {
            "version": __version__,
            "model": model.fingerprint(),
            "technique": self.technique.spec,
            "samples": samples.digest(),
            "processor": processor,
        }
        self.journal = Journal(folder / f"{slug(f'{model.name}.{technique.name}')}.search.json", key)
        self.layerwise: LayerwiseModel = self.technique.layerwise_model(model, fitted.spread(self.technique.samples))
        self.meter = DivergenceMeter(model, validation)
        feeds = [feeds_of(model, validation.value(index)) for index in range(min(_TIMED_SAMPLES, len(validation)))]
        self.feeds, self.processor = feeds, parse(processor)
        self.session = self.processor.open(model.serialize())
        self.size_bytes = len(model.serialize())
        self.macs = self.layerwise.work({})
        self.path: list[dict[str, int]] = []

    def run(self, goal: Goal) -> SearchResult:
        losses = self._sensitivities()
        self.path = [{}, *greedy_path(self.layerwise, losses)]
        if len(self.path) == 1:
            raise NotApplicableError(f"{self.technique.name}: nothing in {self.model.name!r} saves work")
        works = [-self.layerwise.work(plan) for plan in self.path]
        places = {
            bisect.bisect_left(works, -self.macs * (1 - number / (_SPREAD_POINTS + 2)))
            for number in range(_SPREAD_POINTS + 1)
        }
        for index in self._tracked(sorted(place for place in places if place < len(self.path)), "points"):
            self._measure(index)
        self._bisect(goal)
        expected = self._expected()
        # dominance counts with the expected quality, not with the measured one
        measured = {replace(p, quality=expected[p.technique]): p for p in self.journal.points.values()}
        front = [measured[point] for point in pareto_front(measured)]
        chosen = self._choose(goal, front, expected)
        reason = chosen.technique if chosen else f"no setting of {self.technique.name} meets the goal"
        files = self._write(front)
        self.journal.write(
            {
                "goal": asdict(goal),
                "baseline": self.meter.baseline.quality,
                "chosen": chosen.technique if chosen else None,
                "front": [point.technique for point in front],
                "files": {name: path.name for name, path in files.items()},
            }
        )
        shown = {point.technique: expected[point.technique] for point in front}
        return SearchResult(chosen, reason, tuple(front), shown, files, len(self.layerwise.layers))

    def _tracked(self, items: Sequence[Any], label: str) -> Iterable[Any]:
        return self.reporter.track(items, f"{label} {self.model.name}", len(items))

    def _sensitivities(self) -> Callable[[str, int], float]:
        """Measure each layer at two levels; return what each level costs the network, between and beyond them."""
        curves: dict[str, tuple[list[float], list[float]]] = {}
        self.layerwise.measure(self.layerwise.layers)
        executor = PartialExecutor(self.layerwise.editable, self.meter.feeds)
        for layer in self._tracked(self.layerwise.layers, "sensitivity"):
            x, y = [0.0], [0.0]
            for level in sorted({probe_level(self.layerwise, layer, share) for share in _PROBE_SHARES}):
                divergence = self.journal.sensitivity(layer, level)
                if divergence is None:
                    outputs = executor.outputs(self.layerwise.equivalent_weights(layer, level))
                    divergence = self.meter.compare(outputs).divergence
                    self.journal.note_sensitivity(layer, level, divergence)
                x.append(max(self.layerwise.loss(layer, level), x[-1] + 1e-12))
                y.append(max(divergence, y[-1]))
            curves[layer] = x, y

        def cost(layer: str, level: int) -> float:
            x, y = curves[layer]
            loss = self.layerwise.loss(layer, level)
            beyond = max(loss - x[-1], 0.0) * (y[-1] - y[-2]) / (x[-1] - x[-2])
            return float(np.interp(loss, x, y)) + beyond

        return cost

    def _measure(self, index: int) -> SearchPoint:
        """Measure the setting at a place of the path, or take what was measured."""
        plan = self.path[index]
        spec = self._spec(plan)
        if spec not in self.journal.points:
            variant = self.layerwise.make(plan) if plan else self.model
            outputs = self.meter.measure(variant)
            point = SearchPoint(
                technique=spec,
                work_ratio=self.layerwise.work(plan) / self.macs,
                latency_ratio=self._latency_ratio(variant) if plan else 1.0,
                size_ratio=len(variant.serialize()) / self.size_bytes,
                quality=outputs.quality,
                divergence=outputs.divergence,
            )
            self.journal.note_point(point)
        return self.journal.points[spec]

    def _latency_ratio(self, variant: Model) -> float:
        session = self.processor.open(variant.serialize())
        return measure_pair(self.session.run, session.run, self.feeds, _TIMING).ratio().value

    def _bisect(self, goal: Goal) -> None:
        """Measure towards the last setting that is good enough, and the first one that is fast enough."""

        def last(fits: Callable[[SearchPoint], bool]) -> None:
            low, high = 0, len(self.path)
            while high - low > max(1, len(self.path) // 64):
                middle = (low + high) // 2
                low, high = (middle, high) if fits(self._measure(middle)) else (low, middle)

        last(lambda point: self._meets_quality(point, goal, self._expected()))
        if goal.max_latency_ratio is not None:
            limit = goal.max_latency_ratio
            last(lambda point: point.latency_ratio > limit)

    def _meets_quality(self, point: SearchPoint, goal: Goal, expected: Mapping[str, float]) -> bool:
        floors = [goal.min_quality if goal.min_quality is not None else 0.0]
        # a goal that limits latency and not quality: only speed counts
        if goal.max_loss is not None or (goal.min_quality is None and goal.max_latency_ratio is None):
            floors.append(self.meter.baseline.quality - (goal.max_loss or 0.0))
        floor, baseline = max(floors) - _ROUNDING, self.meter.baseline
        share_lost = 1 - expected[point.technique] / max(baseline.quality, _ROUNDING)
        tolerance = 0.0 if baseline.agreement is None else _TOLERANCE * deviation(share_lost, len(self.meter.samples))
        return bool(expected[point.technique] >= floor and point.quality >= floor - tolerance)

    def _expected(self) -> dict[str, float]:
        """Return the quality that each point can be expected to have on other samples."""
        points, baseline = self.journal.points.values(), self.meter.baseline
        if baseline.agreement is None:  # without classes, quality follows from the divergence
            return {point.technique: point.quality for point in points}
        rate = loss_rate(points, baseline.quality, len(self.meter.samples))
        return {point.technique: expected_quality(point, baseline.quality, rate) for point in points}

    def _choose(self, goal: Goal, front: Sequence[SearchPoint], expected: Mapping[str, float]) -> SearchPoint | None:
        limit = goal.max_latency_ratio if goal.max_latency_ratio is not None else np.inf
        fits = [point for point in front if self._meets_quality(point, goal, expected) and point.latency_ratio <= limit]
        if not fits:
            return None
        if goal.max_loss is None and goal.min_quality is None and goal.max_latency_ratio is not None:
            return max(fits, key=lambda point: expected[point.technique])
        return min(fits, key=lambda point: point.latency_ratio if goal.minimize == "latency" else point.size_ratio)

    def _write(self, front: Sequence[SearchPoint]) -> dict[str, Path]:
        plans = {self._spec(plan): plan for plan in self.path}
        files = {}
        for number, point in enumerate(front):
            if point.technique not in plans:
                continue
            path = self.folder / f"{slug(f'{self.model.name}.{self.technique.name}')}-{number}.onnx"
            variant = self.layerwise.make(plans[point.technique])
            label = point.technique if point.technique != "none" else self.model.technique
            labelled = variant.with_proto(variant.proto, technique=label)
            files[point.technique] = with_file_outputs(labelled).save(path)
        return files

    def _spec(self, plan: dict[str, int]) -> str:
        shares = {layer: self.layerwise.share(layer, level) for layer, level in plan.items()}
        return replace(self.technique, layers=layers_text(shares)).spec if plan else "none"
