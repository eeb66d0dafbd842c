"""The bundle that records teach: the variants of the old one, costs by kind of device, confidence calibrated anew."""

import os
import shutil
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import compsel
from compsel.building.train import train_bundle
from compsel.bundle.bundle import Bundle
from compsel.bundle.device_costs import INDEX, write_device_costs
from compsel.bundle.file_names import SIGNATURE
from compsel.bundle.manifest import write_manifest
from compsel.bundle.opens_first import opens_first
from compsel.evaluation.contenders import work_place
from compsel.fleet.learning.kind_costs import FleetCosts, scaled
from compsel.fleet.learning.recalibration import Recalibration, recalibrated
from compsel.parallel.backend import Backend
from compsel.profiling.profile import Profile
from compsel.progress import Reporter
from compsel.selection.costs.model import CostModel
from compsel.selection.policies import CascadePolicy, Policy
from compsel.storage.files import atomic_directory, copy_folder, without_nan, write_json
from compsel.storage.strict_json import read_json
from compsel.variants.variant import Variant

__all__ = ["at_fleet_costs", "write_retrained", "write_trained_anew"]

_DEAREST = 1e6  # penalty, in multiples of the dearest variant's cost, beyond which nothing changes
Fits = Mapping[tuple[int, ...], Recalibration]


def write_retrained(
    old: Bundle, out: str | os.PathLike[str], costs: FleetCosts, fits: Fits, told: Mapping[str, Any], replace: bool
) -> None:
    """Write the old bundle with what was learned, whole or not at all.

    Args:
        old: that recorded.
        out: folder of the new one.
        costs: by kind of device; where a device's kind is not among them, and none is like it, the fleet's count.
        fits: how to calibrate the adaptive policy anew, see `recalibrated`.
        told: what the new bundle says of how it was trained.
        replace: whether a folder that is there is replaced.

    Raises:
        StorageError: it cannot be written.
    """
    everywhere = scaled(costs.base, costs.effects.fleet)
    policy = _recalibrated(old.policies["adaptive"], fits, everywhere)
    with atomic_directory(out, replace=replace) as temporary:
        copy_folder(old.folder, temporary, without={SIGNATURE})
        policies = read_json(temporary / "policies.json")
        write_json(temporary / "policies.json", {**policies, "adaptive": policy.to_dict()})
        _complete(temporary, policy, everywhere, costs, told)


# many parameters: what it is trained from, where it goes, what it says of itself
def write_trained_anew(
    profile: Profile,
    files: Path,
    old: Bundle,
    out: str | os.PathLike[str],
    costs: FleetCosts,
    told: Mapping[str, Any],
    reporter: Reporter,
    replace: bool,
    backend: Backend,
) -> None:
    """Train on a profile at the costs of the fleet, and write the bundle with those by kind of device.

    Args:
        profile: that the old bundle was built from.
        files: folder of the variants' files.
        old, out, costs, told, replace: see `write_retrained`.
        reporter: hears how far it is.
        backend: where policies are trained; what is trained stays in `<out>.work` until the bundle is written.

    Raises:
        CompselError: what `train_bundle` raises.
    """
    with atomic_directory(out, replace=replace) as temporary:
        inner = temporary / "bundle"
        train_bundle(
            at_fleet_costs(profile, costs),
            files,
            inner,
            old.objective,
            work=work_place(out),
            reporter=reporter,
            backend=backend,
        )
        for path in inner.iterdir():
            path.rename(temporary / path.name)
        inner.rmdir()
        bundle = Bundle.load(temporary)
        known = set(costs.base.choices)
        if all(choice in known for choice in bundle.costs.choices):
            _complete(temporary, bundle.policies["adaptive"], bundle.costs, costs, told)
        else:
            reporter.say("costs by kind of device are left out: a choice ships that no record is of")
            _complete(temporary, bundle.policies["adaptive"], bundle.costs, None, told)


def at_fleet_costs(profile: Profile, costs: FleetCosts) -> Profile:
    """Return a profile whose latencies are times what the fleet deviates by, choice by choice and state by state."""
    table = profile.latency
    if table is None:
        return profile
    base, n_states = costs.base, len(costs.base.states)
    factors = np.exp(costs.effects.fleet).reshape(len(base.choices), -1, n_states)
    choices, states = ({name: n for n, name in enumerate(names)} for names in (base.choices, base.names))
    everything, scale = float(np.exp(costs.effects.fleet.mean())), np.ones(len(table.latency_ms))
    sizes = table.size if len(table.size) else np.full(len(scale), np.nan)
    for row, key in enumerate(zip(table.variant, table.processor, table.state, strict=True)):
        choice, state = choices.get((key[0], key[1])), states.get(key[2])
        size = 0
        if base.by_size is not None:
            size = base.by_size.nearest(base.by_size.usual if np.isnan(sizes[row]) else float(sizes[row]))
        known = choice is not None and state is not None
        scale[row] = factors[choice, size, state] if known else everything
    return replace(profile, latency=replace(table, latency_ms=table.latency_ms * scale))


def _recalibrated(policy: Policy, fits: Fits, costs: CostModel) -> Policy:
    if not isinstance(policy, CascadePolicy) or policy.kind != CascadePolicy.kind or not fits:
        return policy  # what a certificate is about stays as it is
    found = copy(policy)
    found.policy = recalibrated(policy.policy, fits)
    if policy.expected_quality is not None:
        # what was promised stays promised, as far as anything reaches it by the new probabilities
        cheapest, _, _ = costs.cheapest(policy.variants, costs.idle)
        reachable = found.policy.plan(cheapest, _DEAREST * float(cheapest.max())).expected_quality
        found.expected_quality = min(policy.expected_quality, reachable)
    return found


def _complete(
    folder: Path, policy: Policy, costs: CostModel, by_kind: FleetCosts | None, told: Mapping[str, Any]
) -> None:
    """Write costs and what is told into the folder of a bundle, and its manifest anew."""
    document = read_json(folder / "bundle.json")
    write_json(folder / "costs.json", costs.to_dict())
    shutil.rmtree((folder / INDEX).parent, ignore_errors=True)
    if by_kind is not None:
        learned = by_kind.by_kind
        places = {choice: number for number, choice in enumerate(by_kind.base.choices)}
        keep = [places[choice] for choice in costs.choices]
        write_device_costs(folder, {kind: learned[kind].take(keep) for kind in learned})
    variants = [Variant.from_dict(content).opened(folder / "variants") for content in document["variants"]]
    document["opens_first"] = opens_first(policy, costs, variants)
    document["summary"] |= {"fleet": dict(told)}
    write_json(folder / "bundle.json", without_nan(document))
    (folder / "manifest.json").unlink(missing_ok=True)
    write_manifest(folder, compsel.__version__, document["summary"].get("task", ""))
