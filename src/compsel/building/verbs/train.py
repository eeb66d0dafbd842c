"""`compsel.train`: train selectors on a profile or on tables, compare them, and write the bundle of the winner."""

import os
from dataclasses import replace as replaced
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np

from compsel.building.certifying import as_promise
from compsel.building.train import train_bundle
from compsel.building.training_tables import opened_table, trained_on
from compsel.building.verbs.options import ObjectiveOptions, objective_of, reject_option_of
from compsel.building.verbs.places import with_places
from compsel.errors import ProfileError, UsageError
from compsel.parallel.backend import Backend, backend_of
from compsel.profiling.from_frames import latency_from_frame, profile_from_frames
from compsel.profiling.latency_table import LatencyTable
from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileStream
from compsel.progress import Reporter
from compsel.progress.interactive import reporter_or_default
from compsel.runtime.recording.outcome_summary import outcomes_in_words
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.certificate.promise import Promise
from compsel.selection.costs.sizes import bucket_of
from compsel.selection.objective import Objective
from compsel.selection.training.streaming.memory import DEFAULT_LIMIT_MB, MemoryLimit
from compsel.selection.training.trained import Trained
from compsel.storage.files import check_place

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["train"]

_ENOUGH = 5  # records of a choice in a state


# long: its options are handed on one a line
# many parameters: a profile and an objective are what everybody gives; the others are rarely set, and independent
@with_places(read=("profile", "files"), written=("out",))
def train(
    profile: "str | os.PathLike[str] | Profile | pd.DataFrame",
    objective: Objective | str | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    costs: "pd.DataFrame | None" = None,
    files: str | os.PathLike[str] | None = None,
    reject_option: RejectOption | None = None,
    certify: Promise | str | None = None,
    replace: bool = False,
    memory_limit_mb: float = DEFAULT_LIMIT_MB,
    reporter: Reporter | None = None,
    jobs: int | None = None,
    backend: Backend | None = None,
    **options: Unpack[ObjectiveOptions],
) -> Trained:
    """Train selectors on a profile, compare them, and write the bundle of the winner.

    Args:
        profile: its folder, a `compsel.Profile`, or a table such as `Profile.to_frame()` gives (columns:
            `compsel.profiling.frames`).
        objective: see `compsel.build`.
        out: folder of the bundle; None: nothing is written.
        costs: a table such as `Profile.to_frame("costs")` or `compsel.records` gives. Of a profile it replaces the
            latencies of the choices and states that it has at least five rows of; where latencies depend on the size of
            the input, rows of usual size count. What the records say of right and wrong answers is told beside what was
            expected. None: the profile's own; of a table, its column latency_ms.
        files: folder of the profile whose variants ship, where `profile` is not a folder.
        memory_limit_mb: how much memory may be used, in millions of bytes. A profile in a folder that does not fit is
            read in batches: a selector over features is trained on all samples, all else on some of them, which is
            said.
        reject_option, certify, replace, reporter, jobs, backend: see `compsel.build`.
        options: see `compsel.building.verbs.options.ObjectiveOptions`.

    Raises:
        UsageError: an option that does not exist; `out` without the files of the variants; or certify without `out`.
        ProfileError: no costs, too few samples, or a table that lacks a column.
        CompselError: what `compsel.building.train.train_bundle` raises.
    """
    said, wanted = reporter_or_default(reporter), objective_of(objective, options)
    rejecting, where = reject_option_of(reject_option, options), backend_of(backend, jobs)
    folder, limit = profile if isinstance(profile, (str, os.PathLike)) else files, MemoryLimit(memory_limit_mb)
    measured = _profile(profile, costs, folder, limit, said)
    if out is not None:  # after what is given: a place that is taken is not what is wrong with it
        check_place(out, replace=replace)
    if out is None:
        if as_promise(certify, rejecting) is not None:
            raise UsageError("certify: is written into a bundle: give out")
        found = trained_on(measured, wanted, reject_option=rejecting, limit=limit, reporter=said, backend=where)
        return found.trained
    if folder is None:
        raise UsageError("out: the variants that ship are needed: give files, the folder of their profile")
    return train_bundle(
        measured,
        Path(folder) / "variants",
        out,
        wanted,
        reject_option=rejecting,
        certify=certify,
        replace=replace,
        limit=limit,
        reporter=said,
        backend=where,
    )


def _profile(
    given: "str | os.PathLike[str] | Profile | pd.DataFrame",
    costs: "pd.DataFrame | None",
    folder: str | os.PathLike[str] | None,
    limit: MemoryLimit,
    reporter: Reporter,
) -> Profile | ProfileStream:
    """Return what is trained on, with its costs."""
    if isinstance(given, (str, os.PathLike)):
        opened = opened_table(given, limit)
        if isinstance(opened, ProfileStream):
            known = opened.profile
            return opened if costs is None else opened.with_latency(_corrected(known, costs, reporter))
        given = opened
    if isinstance(given, Profile):
        return given if costs is None else replaced(given, latency=_corrected(given, costs, reporter))
    shipping = None if folder is None else Profile.load(folder)
    found = profile_from_frames(given, costs, () if shipping is None else shipping.variants)
    return found if shipping is None else _completed(found, shipping)


def _completed(found: Profile, shipping: Profile) -> Profile:
    """Return the profile of a table with what the folder of its variants knows beside it."""
    names, same = set(found.names), set(found.samples) == set(shipping.samples)
    return replaced(
        found,
        device=shipping.device,
        origin=shipping.origin,
        learned_from=shipping.learned_from,
        decode_ms=found.decode_ms or shipping.decode_ms,
        memory_mb={choice: memory for choice, memory in shipping.memory_mb.items() if choice[0] in names},
        # of other samples, such as half of them, it would say that those were trained on
        sketch=shipping.sketch if same else "",
        current=shipping.current,
        warnings=shipping.warnings,
        left_out=shipping.left_out,
    )


def _corrected(profile: Profile, costs: "pd.DataFrame", reporter: Reporter) -> LatencyTable:
    """Return the latencies of a profile with those of a table in place of what both have."""
    if said := outcomes_in_words(costs):
        reporter.say(said)
    ours = profile.latency
    theirs = latency_from_frame(costs if ours is None else _of_usual_size(costs, ours))
    if ours is None:
        return theirs
    measured = ours.by_choice()
    groups = {key: values for key, values in theirs.by_choice().items() if len(values) >= _ENOUGH}
    known = {key: values for key, values in groups.items() if key in measured}
    if not known:
        raise ProfileError(
            f"costs: none of its choices and states has {_ENOUGH} rows and was measured: got "
            f"{', '.join(map(str, groups)) or 'none'}, allowed are those of profile.to_frame('choices')"
        )
    left = len(theirs.latency_ms) - sum(len(values) for values in known.values())
    if left:
        reporter.say(
            f"{left} of {len(theirs.latency_ms)} rows of costs are left out: too few, or never measured before"
        )
    keys = zip(ours.variant, ours.processor, ours.state, strict=True)
    usual = np.isnan(ours.size) | (ours.size == ours.usual_size) if len(ours.size) else np.ones(len(ours.variant), bool)
    kept = [n for n, key in enumerate(keys) if not (usual[n] and key in known)]
    added = [(*key, value) for key, values in known.items() for value in values.tolist()]
    names = [
        tuple(column[n] for n in kept) + tuple(row[place] for row in added)
        for place, column in enumerate((ours.variant, ours.processor, ours.state))
    ]
    size = ours.size
    if len(size):
        size = np.concatenate((size[kept], np.full(len(added), ours.usual_size)))
    latency_ms = np.concatenate((ours.latency_ms[kept], [row[3] for row in added]))
    return replaced(ours, variant=names[0], processor=names[1], state=names[2], latency_ms=latency_ms, size=size)


def _of_usual_size(costs: "pd.DataFrame", ours: LatencyTable) -> "pd.DataFrame":
    """Return the rows of inputs of about the usual size, where records hold others too."""
    if not len(ours.size) or "size" not in costs or "usual_size" in costs:
        return costs
    usual = bucket_of(ours.usual_size)
    kept = costs[[np.isnan(size) or bucket_of(size) == usual for size in costs["size"].astype(float)]]
    if not len(kept):
        raise ProfileError(f"costs: got no row of inputs of about {ours.usual_size:g} {ours.unit}, the usual size")
    return kept
