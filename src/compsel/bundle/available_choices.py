"""Which of a bundle's choices can run on this device: it may come from one with other processors."""

from pathlib import Path

from compsel.errors import BundleError, ProcessorError
from compsel.processors import parse
from compsel.progress.logger import log_event
from compsel.selection.costs.model import CostModel

__all__ = ["available_costs"]


def available_costs(costs: CostModel, folder: Path) -> CostModel:
    """Return the costs of the choices whose processor works here.

    Raises:
        BundleError: a variant that no processor of this device runs.
    """
    words = dict.fromkeys(processor for _, processor in costs.choices)
    working = set()
    for word in words:
        try:
            if parse(word).offered().available:
                working.add(word)
        except ProcessorError:
            continue
    keep = [number for number, (_, processor) in enumerate(costs.choices) if processor in working]
    missing = [word for word in words if word not in working]
    if missing:
        text, fields = "%s: not available here: %s", {"folder": str(folder), "processors": missing}
        log_event("INFO", "choices_unavailable", text, folder, ", ".join(missing), fields=fields)
    kept = costs.take(keep)
    lost = {variant for variant, _ in costs.choices} - {variant for variant, _ in kept.choices}
    if lost:
        raise BundleError(
            f"{folder}: was measured on {', '.join(words)}, of which nothing that runs {sorted(lost)[0]} is available "
            "here: measure this device with compsel profile and build again"
        )
    return kept
