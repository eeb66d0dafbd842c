"""A profile as a notebook shows it."""

from typing import TYPE_CHECKING

import numpy as np

from compsel.markup.card import Table, card
from compsel.storage.sizes import size_words

if TYPE_CHECKING:
    from compsel.profiling.profile import Profile

__all__ = ["profile_card"]


def profile_card(profile: "Profile") -> str:
    """Return what was measured as HTML: each variant where it is fastest, state by state."""
    latencies = {} if profile.latency is None else profile.latency.by_choice()
    states = () if profile.latency is None else profile.latency.states
    rows = []
    for column, variant in enumerate(profile.variants):
        fastest = [
            min(
                (float(ms.mean()) for (name, _, at), ms in latencies.items() if (name, at) == (variant.name, state)),
                default=np.nan,
            )
            for state in states
        ]
        quality = f"{100 * profile.quality[:, column].mean():.2f} %"
        times = ["" if np.isnan(ms) else f"{ms:.2f}" for ms in fastest]
        rows.append((variant.name, size_words(variant.size_bytes / 1e6), quality, *times))
    labelled = int((profile.labels >= 0).sum())
    facts = [
        ("samples", f"{len(profile.samples)}, {labelled} with labels"),
        ("origin", "" if profile.origin == f"{len(profile.samples)} samples" else profile.origin),
        ("device", profile.device.get("cpu", "")),
        ("energy", "" if profile.energy is None else profile.energy.meter),
    ]
    header = ("variant", "size", "quality", *(f"ms, {state}" for state in states))
    return card("Profile", facts, [Table(header, rows, "each on the processor that is fastest in that state")])
