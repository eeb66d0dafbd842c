"""The variants that a sceptic may choose from: all that the build measured, not only those that its policies use."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from compsel.bundle.bundle import Bundle
from compsel.errors import ProfileError
from compsel.profiling.profile import Profile
from compsel.selection.costs.fitting import fit_costs
from compsel.selection.costs.joining import joined
from compsel.selection.costs.model import CostModel
from compsel.selection.dataset import SelectionDataset
from compsel.storage.locations.using import address_behind
from compsel.variants.writer import is_whole

__all__ = ["with_baselines", "with_measured_variants", "work_folder", "work_place"]

# nobody picks a variant that is so much slower than another one which is more accurate by so many standard errors
_SLOWER, _ERRORS = 1.3, 2.0


def work_folder(bundle: str | os.PathLike[str]) -> Path:
    """Return where `compsel.build` leaves what it measured, unless it is told another place.

    >>> work_folder("shipped/bundle").name
    'bundle.work'
    """
    path = Path(bundle)
    if path.name in ("", ".."):
        path = path.resolve()
    return path.with_name(f"{path.name}.work")


def work_place(bundle: str | os.PathLike[str]) -> Path | str:
    """Return `work_folder`, of a bundle that is the mirror of an address beside that.

    >>> work_place("shipped/bundle").name
    'bundle.work'
    """
    address = address_behind(bundle)
    return f"{address}.work" if address else work_folder(bundle)


def with_measured_variants(bundle: Bundle, folder: str | os.PathLike[str]) -> Bundle:
    """Return the bundle with every variant of the profile that it was built from which somebody could choose.

    Left out is what is 1.3 times as slow as another variant that is more accurate by more than two standard errors of
    their difference, on the samples of the profile. Policies and their costs are those of the bundle.

    Args:
        bundle: which is compared with more variants than it holds.
        folder: of the profile, with the files of the variants in `variants/`.

    Raises:
        ProfileError: no profile there, one of another build or device, or one without its variants' files.
    """
    return _with_more(bundle, Path(folder), _worth_choosing)


def with_baselines(bundle: Bundle, folder: str | os.PathLike[str]) -> Bundle:
    """Return the bundle with its baselines among its policies, and with the variants that they need.

    Args:
        bundle: which may lack variants that it never runs itself.
        folder, and what is raised: see `with_measured_variants`.
    """
    if not bundle.baselines:
        return bundle
    needed = {name for policy in bundle.baselines.values() for name in policy.variants}
    wide = _with_more(bundle, Path(folder), lambda dataset: [name for name in dataset.names if name in needed])
    return replace(wide, policies={**bundle.policies, **bundle.baselines}, baselines={})


def _with_more(bundle: Bundle, folder: Path, wanted: Callable[[SelectionDataset], list[str]]) -> Bundle:
    profile = Profile.load(folder)
    measured = {variant.name: variant for variant in profile.variants}
    for name, variant in bundle.variants.items():
        if name not in measured or measured[name].sha256 != variant.sha256:
            raise ProfileError(f"{folder}: is not of this bundle: {name} is another file there; give its own profile")
    costs = _costs(profile, bundle, folder)
    dataset = SelectionDataset.from_profile(profile, costs, {})
    quality = dict(zip(dataset.names, dataset.quality.mean(axis=0).tolist(), strict=True))
    added = [name for name in wanted(dataset) if name not in bundle.variants]
    for name in (*bundle.variants, *added):
        if not is_whole(measured[name], folder / "variants"):
            raise ProfileError(f"{folder}: the file of {name} in variants/ is missing or changed: build again")
    return replace(
        bundle,
        folder=folder,
        files=None,
        variants={**bundle.variants, **{name: measured[name] for name in added}},
        quality={**bundle.quality, **{name: quality[name] for name in added}},
        costs=joined(bundle.costs, costs.restricted(added)),
    )


def _costs(profile: Profile, bundle: Bundle, folder: Path) -> CostModel:
    """Return the costs of all that was measured, in what the bundle minimises."""
    if profile.latency is None:
        raise ProfileError(f"{folder}: has no latencies: measure this device with compsel profile")
    latencies = profile.latency.by_choice()
    costs = fit_costs(profile.latency)
    ours = bundle.costs
    same = costs.coordinates == ours.coordinates and costs.states.shape == ours.states.shape
    if not (same and np.allclose(costs.states, ours.states)):
        raise ProfileError(f"{folder}: was measured in other states of the device than this bundle: build it again")
    if ours.power_w is None:
        return costs
    if profile.energy is None:
        raise ProfileError(f"{folder}: has no energies, which this bundle minimises: give its own profile")
    return costs.with_power(profile.energy.power_w({key: float(values.mean()) for key, values in latencies.items()}))


def _worth_choosing(dataset: SelectionDataset) -> list[str]:
    """Return the variants that somebody could choose by the profile."""
    n, quality, costs = len(dataset.quality), dataset.quality, dataset.costs_ms
    members = np.arange(n) if dataset.groups is None else dataset.groups

    def clearly_worse(number: int, other: int) -> bool:
        gains = np.bincount(members, quality[:, other] - quality[:, number])
        error = float(gains.std()) * len(gains) ** 0.5 / n
        return bool(costs[number] > _SLOWER * costs[other]) and float(gains.sum()) / n > _ERRORS * error

    columns = range(len(costs))
    return [dataset.names[number] for number in columns if not any(clearly_worse(number, other) for other in columns)]
