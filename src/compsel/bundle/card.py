"""A bundle as a notebook shows it."""

from typing import TYPE_CHECKING

from compsel.markup.card import Table, card
from compsel.storage.sizes import size_words

if TYPE_CHECKING:
    from compsel.bundle.bundle import Bundle

__all__ = ["bundle_card"]

_SHOWN_LABELS = 5


def bundle_card(bundle: "Bundle", title: str = "Bundle") -> str:
    """Return what is in a bundle as HTML."""
    costs, policy = bundle.costs, bundle.policies["adaptive"]
    rows = []
    for name, variant in bundle.variants.items():
        processor, latency_ms = costs.processors(name, costs.idle)
        quality = f"{100 * bundle.quality[name]:.2f} %"
        chosen = "yes" if name in policy.variants else ""
        rows.append((name, size_words(variant.size_bytes / 1e6), quality, f"{latency_ms:.2f}", processor, chosen))
    header = ("variant", "size", "quality", "ms, idle", "processor", "may be chosen")
    device = bundle.summary.get("device", {})
    labels = ", ".join(bundle.labels[:_SHOWN_LABELS]) + ", ..." * (len(bundle.labels) > _SHOWN_LABELS)
    facts = [
        ("folder", bundle.folder),
        ("policy", f"{policy.kind}: {bundle.summary.get('reason', '')}".rstrip(": ")),
        ("objective", f"least {bundle.objective.minimize}"),
        ("measured on", f"{device.get('cpu', 'an unknown device')}, {bundle.summary.get('n_samples', '?')} samples"),
        ("classes", labels),
    ]
    return card(title, facts, [Table(header, rows)])
