"""Samples for tests: seeded tensors, and the photographs that scikit-image ships."""

import functools
from pathlib import Path

import cv2
import numpy as np
import skimage

from compsel import Model
from compsel.inputs.samples import Samples
from compsel.inputs.synthetic_feeds import synthetic_feeds

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "retina", "ihc", "motorcycle_left", "hubble_deep_field")


class SeededTensors(Samples):
    """Noise that fits a model; `reads` counts how often a sample was read."""

    def __init__(self, model: Model, count: int = 8) -> None:
        self.model, self.count, self.reads = model, count, 0

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"seed-{index}" for index in range(self.count))

    @property
    def labels(self) -> tuple[int | None, ...]:
        return (None,) * self.count

    def value(self, index: int) -> dict[str, np.ndarray]:
        self.reads += 1
        return synthetic_feeds(self.model.inputs, index)


class Photographs(Samples):
    """Real photographs, and crops and mirror images of them: 32 in all."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{name}-{part}" for part in range(4) for name in PHOTOGRAPHS)

    @property
    def labels(self) -> tuple[int | None, ...]:
        return (None,) * len(self.names)

    def value(self, index: int) -> np.ndarray:
        image = _photograph(PHOTOGRAPHS[index % len(PHOTOGRAPHS)])
        height, width = image.shape[:2]
        part = index // len(PHOTOGRAPHS)
        if part == 1:
            return image[:, ::-1].copy()
        if part == 2:
            return image[: height * 3 // 4, : width * 3 // 4].copy()
        return image if part == 0 else image[height // 4 :, width // 4 :].copy()


@functools.cache
def _photograph(name: str) -> np.ndarray:
    folder = Path(skimage.__file__).parent / "data"
    path = next(folder.glob(f"{name}.*"))
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    scale = 300 / min(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[:, :, ::-1])
