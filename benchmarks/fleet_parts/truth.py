"""What bundles really cost and answer on simulated devices: from the simulation's tables, without chance."""

from pathlib import Path

import numpy as np

from compsel.bundle.bundle import Bundle
from compsel.bundle.device_costs import costs_on
from compsel.bundle.digest import bundle_digest
from compsel.device.kind import DeviceKind
from fleet_parts.devices import Device
from fleet_parts.world import Outcome, World

__all__ = ["Truth"]


class Truth:
    """Outcomes of bundles in a world, computed once for each kind of device.

    Args:
        world: that devices are in.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._outcomes: dict[tuple[str, str], list[Outcome]] = {}

    def outcomes(self, bundle: Bundle, device: Device) -> list[Outcome]:
        """Return what a bundle's policy does on a device, by state, at the costs that it would take there."""
        kind = DeviceKind.of(device.fingerprint)
        key = bundle_digest(bundle.files), kind.key
        if key not in self._outcomes:
            costs = costs_on(bundle, kind)[0]
            self._outcomes[key] = [self.world.outcome(bundle, costs, state) for state in range(len(device.load))]
        return self._outcomes[key]

    def pair(self, old: Path, new: Path, devices: list[Device], drifted: bool) -> dict[str, float]:
        """Return how many times as fast and how much more accurate the new one is, over all answers of devices."""
        total = np.zeros(4)
        for bundle, place in ((Bundle.load(old), 0), (Bundle.load(new), 2)):
            for device in devices:
                latency, right = self.world.truth(device, self.outcomes(bundle, device), drifted)
                total[place : place + 2] += device.answers * np.array([latency, right])
        total /= sum(device.answers for device in devices)
        return {
            "old_ms": float(total[0]),
            "old_right": float(total[1]),
            "new_ms": float(total[2]),
            "new_right": float(total[3]),
            "speedup": float(total[0] / total[2]),
            "accuracy": float(total[3] - total[1]),
        }
