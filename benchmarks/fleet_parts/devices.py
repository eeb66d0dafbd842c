"""Simulated devices: kinds that scale and tilt a measured table of costs, and devices that deviate from their kind."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Device", "Drift", "draw_devices"]

Floats = NDArray[np.float64]

# standard deviations of logarithms: of kinds, of choices within a kind, of devices within a kind, of one inference
KIND, KIND_CHOICE, DEVICE, DEVICE_CHOICE, INFERENCE = 0.6, 0.1, 0.08, 0.03, 0.12
# without instructions for 8-bit integers these take 0.6 to 0.74 of float, not the share that was measured
INT8_SHARE = (0.6, 0.74)
# odds of inputs that the first stage is unsure of; times of whatever runs on more than one thread, after an OS update
# that puts threads on one core's siblings
HARDER, SLOWER = 3.0, 4.0
MOST_ANSWERS = 10.0  # times the mean of all devices: apps limit what a device records (`compsel.Recording`)


@dataclass(frozen=True)
class Drift:
    """What changes on a device after a while.

    Attributes:
        kind: "", "slower provider", or "slower provider, harder inputs".
    """

    kind: str = ""


@dataclass
class Device:
    """One simulated device.

    Attributes:
        number, kind: which it is.
        fingerprint: what its records say.
        factors: (n_choices,) its latencies as multiples of the measured ones.
        load: (n_states,) how often it is in each.
        answers: how many it records in a period.
        drift: what changes.
    """

    number: int
    kind: int
    fingerprint: dict[str, Any]
    factors: Floats
    load: Floats
    answers: int
    drift: Drift = field(default_factory=Drift)

    @property
    def installation(self) -> str:
        """The random number of its records."""
        return f"51{self.number:014x}"


def draw_devices(
    count: int, kinds: int, answers: int, choices: tuple[tuple[str, str], ...], idle_ms: Floats, seed: int
) -> list[Device]:
    """Draw devices; a third of the kinds drift by an update, half of these by a season too: it comes to all of a kind.

    Args:
        count, kinds: of devices, and of their kinds.
        answers: of all of them in a period, at most about; few devices record most.
        choices: (n_choices,) variants and processors.
        idle_ms: (n_choices,) the measured times on an idle device.
        seed: of everything.
    """
    numbers = np.random.default_rng(seed)
    int8 = np.array(["int8" in variant for variant, _ in choices])
    of_kinds = []
    for _ in range(kinds):
        factor = np.exp(numbers.normal(0, KIND) + numbers.normal(0, KIND_CHOICE, len(choices)))
        vnni = bool(numbers.random() < 0.5)
        if not vnni:
            factor = np.where(int8, factor * _to_share(numbers, choices, idle_ms), factor)
        of_kinds.append((factor, vnni, numbers.dirichlet((6.0, 2.0, 1.0))))
    share = numbers.pareto(1.2, count) + 0.05
    found = []
    for number in range(count):
        kind = int(numbers.integers(kinds))
        factor, vnni, load = of_kinds[kind]
        own = np.exp(numbers.normal(0, DEVICE) + numbers.normal(0, DEVICE_CHOICE, len(choices)))
        sets = ["avx2", "avx512f", *(["avx512_vnni"] if vnni else [])]
        device = {
            "cpu": f"simulated kind {kind}",
            "architecture": "x86_64",
            "cores": 4,
            "physical_cores": 4,
            "usable_cores": 4,
            "instruction_sets": sets,
            "memory_gib": 8.0,
            "system": "simulated",
            "onnxruntime": "simulated",
        }
        count_of = int(np.clip(answers * share[number] / share.sum(), 20, MOST_ANSWERS * answers / count))
        drift = Drift(("slower provider", "", "slower provider, harder inputs", "", "", "")[kind % 6])
        found.append(Device(number, kind, device, factor * own, load, count_of, drift))
    return found


def _to_share(numbers: np.random.Generator, choices: tuple[tuple[str, str], ...], idle_ms: Floats) -> Floats:
    """Return what int8 variants are multiplied by where they take 0.6 to 0.74 of their float variant."""
    wanted = numbers.uniform(*INT8_SHARE)
    found = np.ones(len(choices))
    for column, (variant, processor) in enumerate(choices):
        plain = (f"{variant.partition('/')[0]}/none", processor)
        if "int8" in variant and plain in choices:
            found[column] = wanted * idle_ms[choices.index(plain)] / idle_ms[column]
    return found
