"""A simulated fleet: a small real bundle, and records of made-up devices that answer by its policy at made-up costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import norm

import compsel
from compsel.bundle.bundle import Bundle
from compsel.bundle.device_costs import costs_on
from compsel.bundle.digest import bundle_digest
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.device.kind import DeviceKind
from compsel.fleet.ingest import ingest
from compsel.fleet.layout import FleetFolder
from compsel.fleet.merge import merge
from compsel.runtime.recording.part_format import STAGE_COLUMNS, PartHeader, device_id
from compsel.selection.cascade.decision_graph import Cascade, Node
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import CascadePolicy
from compsel.variants.variant import Variant
from compsel.variants.writer import write_variant
from tests.fleet.recorded import arrow, outcomes, put

PROCESSORS = ("cpu:1", "cpu:2")
_BEGIN_US = 1_750_000_000_000_000
_MEAN, _SPREAD = 0.3, 1.5  # of the log-odds of being right
_GRID = 1 / (1 + np.exp(-norm.ppf(np.linspace(0.01, 0.99, 25), _MEAN, _SPREAD)))


def cascade(names: tuple[str, str]) -> Cascade:
    """The small one first, whose confidence is all that counts; both together are right in 97 of 100 cases."""
    small = Node((0,), np.ones(1), np.array([1.0, 0.0]), 0.0, _GRID, {1: np.ones((len(_GRID), 1))})
    both = Node((0, 1), np.ones(2), np.zeros(5), 3.476, np.array([0.97]))
    root = Node((), np.ones(0), np.zeros(0), 0.0, np.array([0.5]), {0: np.full((1, len(_GRID)), 1 / len(_GRID))})
    return Cascade(names, (root, small, both))


def write(
    model: compsel.Model, folder: Path, latency_ms: Mapping[str, tuple[float, ...]], penalty: float = 20.0
) -> Path:
    """Write a bundle of a model and a copy of it, the small one first; latencies of both on both processors, idle."""
    files = folder.with_name(f"{folder.name}.files")
    files.mkdir(parents=True)
    made: Variant = write_variant(model, files, "logits")
    variants = tuple(Variant.from_dict({**made.to_dict(), "name": f"net/{name}"}) for name in ("small", "big"))
    names = tuple(one.name for one in variants)
    table = np.array([[*latency_ms["small"], *latency_ms["big"]]])
    table = np.concatenate([table, 2 * table])
    choices = tuple((name, word) for name in names for word in PROCESSORS)
    costs = CostModel(choices, np.array([[0.0], [1.0]]), table, 1.2 * table, names=("idle", "busy:1"))
    decides = cascade((names[0], names[1]))
    cheapest, _, _ = costs.cheapest(names, costs.idle)
    policies = {"adaptive": CascadePolicy(decides, penalty, decides.plan(cheapest, penalty).expected_quality)}
    quality = {names[0]: 0.5, names[1]: 0.97}
    content = BundleContent(variants, files, policies, {}, Objective(), quality, costs, {"n_samples": 400})
    write_bundle(content, folder)
    return folder


@dataclass
class Fleet:
    """Simulated devices.

    Attributes:
        kinds: by name of the processor, how many times the bundle's costs each choice (4,) takes there.
        devices, sessions, answers: how many of each a kind, a device and a session has.
        overconfident: by kind, what is taken from the log-odds of being right.
        shift: by kind, what is added to the log-odds of confidence.
        explore: share of stages that run on a processor by chance.
        heard: share of answers that feedback is given of.
        begin_us: when they answer, in microseconds since 1970.
    """

    kinds: Mapping[str, tuple[float, ...]]
    devices: int = 12
    sessions: int = 4
    answers: int = 25
    overconfident: Mapping[str, float] = field(default_factory=dict)
    shift: Mapping[str, float] = field(default_factory=dict)
    explore: float = 0.3
    heard: float = 0.5
    seed: int = 0
    begin_us: int = _BEGIN_US
    _plans: dict[float, tuple[Any, tuple[str, ...], np.ndarray]] = field(default_factory=dict)

    def record(self, bundle: Path, place: Path) -> FleetFolder:
        """Write what they record of a bundle, take it in and merge it."""
        content = Bundle.load(bundle)
        digest, generator, session = bundle_digest(content.files), np.random.default_rng(self.seed), self.seed * 100_000
        for number, kind in enumerate(self.kinds):
            for device in range(self.devices):
                factor = np.array(self.kinds[kind]) * np.exp(0.05 * generator.normal())
                for _ in range(self.sessions):
                    session += 1
                    who = digest, f"{1000 * number + device:016x}"
                    self._session(content, kind, factor, session, who, place, generator)
        fleet = FleetFolder(place / "fleet")
        ingest(place / "uploads", fleet)
        merge(fleet)
        return fleet

    def truth(self, old: Path, new: Path, kinds: Sequence[str]) -> tuple[float, float]:
        """Return how many times as fast, and how much more accurate, one bundle really is than another on kinds."""
        bundles = [Bundle.load(one) for one in (old, new)]
        measured = bundles[0].costs.latency_ms[0]
        cost, right = np.array([[self._true(one, kind, measured) for kind in kinds] for one in bundles]).sum(1).T
        return float(cost[0] / cost[1]), float(right[1] - right[0]) / len(kinds)

    def _true(self, bundle: Bundle, kind: str, measured: np.ndarray) -> tuple[float, float]:
        policy, costs = bundle.policies["adaptive"], costs_on(bundle, DeviceKind(kind, "simulated", 4))[0]
        assert isinstance(policy, CascadePolicy)
        odds = norm.ppf((np.arange(4000) + 0.5) / 4000, _MEAN, _SPREAD) + self.shift.get(kind, 0.0)
        node, found = policy.policy.nodes[1], np.zeros(2)
        sure = 1 / (1 + np.exp(-(node.intercept + node.coefficients[0] * odds)))
        right = 1 / (1 + np.exp(-(odds - self.overconfident.get(kind, 0.0))))
        for load in (0.0, 1.0):
            mean, p95, processors = costs.cheapest(policy.variants, np.array([load]))
            plan, _ = policy.plan_for_quality(mean, p95, np.inf, None)
            goes_on = plan.plan.decide(1, sure) >= 0
            names = [costs.choices.index(choice) for choice in zip(policy.variants, processors, strict=True)]
            first, more = (1 + load) * (measured * np.array(self.kinds[kind]))[names]
            found += (first + more * goes_on.mean()) / 2, np.where(goes_on, 0.97, right).mean() / 2
        return found[0], found[1]

    # many parameters: of one session
    def _session(
        self,
        content: Bundle,
        kind: str,
        factor: np.ndarray,
        session: int,
        who: tuple[str, str],
        place: Path,
        generator: np.random.Generator,
    ) -> None:
        fingerprint = {"cpu": kind, "architecture": "simulated", "usable_cores": 4}
        name = f"{session * 0x9E3779B97F4A7C15 % (1 << 64):016x}"
        header = PartHeader("answers", name, "0.1.0", fingerprint, device_id(fingerprint), who[0], installation=who[1])
        policy = content.policies["adaptive"]
        rows: dict[str, list[object]] = {}
        heard = {}
        for answer in range(self.answers):
            load = float(generator.integers(2))
            if load not in self._plans:
                mean, p95, processors = content.costs.cheapest(policy.variants, np.array([load]))
                plan, _ = policy.plan_for_quality(mean, p95, np.inf, None)
                self._plans[load] = plan, processors, content.costs.at(load)
            plan, processors, costs = self._plans[load]
            odds = generator.normal(_MEAN, _SPREAD) + self.shift.get(kind, 0.0)
            sure = 1 / (1 + np.exp(-odds))
            goes_on = int(plan.plan.decide(1, np.array([sure]))[0]) >= 0
            true = 1 / (1 + np.exp(-(odds - self.overconfident.get(kind, 0.0))))
            for stage in range(1 + goes_on):
                processor = processors[stage]
                if generator.random() < self.explore:
                    processor = str(generator.choice(PROCESSORS))
                column = content.costs.choices.index((policy.variants[stage], processor))
                cost = costs[column] * factor[column] * np.exp(0.1 * generator.normal())
                found = {
                    "answer": answer,
                    "stage": stage,
                    "time": self.begin_us + 1000 * answer,
                    "variant": policy.variants[stage],
                    "processor": processor,
                    "latency_ms": float(cost),
                    "probability_right": float(sure) if stage == 0 else 0.97,
                    "load_others": load,
                }
                for column_name in (*STAGE_COLUMNS, "load_others"):
                    rows.setdefault(column_name, []).append(found.get(column_name))
            if generator.random() < self.heard:
                heard[answer] = float(generator.random() < (0.97 if goes_on else true))
        types = {**STAGE_COLUMNS, "load_others": "float"}
        table = pa.table({key: pa.array(rows[key], arrow(key, kind)) for key, kind in types.items()})
        put(place / "uploads" / name, 1, table, header)
        if heard:
            put(place / "uploads" / name, 2, outcomes(name, heard), replace(header, kind="outcomes"))
