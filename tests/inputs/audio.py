"""A modality that the library does not have, as somebody would add it: in one file, and one line of the table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from compsel.errors import InputError, SamplesError
from compsel.inputs.modality import Modality, ModelLike
from compsel.inputs.preprocessing import Preprocessing
from compsel.inputs.sample_options import DEFAULT_SAMPLE_OPTIONS, SampleOptions
from compsel.inputs.samples import ListedSamples, Samples


@dataclass(frozen=True, slots=True)
class AudioPreprocessing(Preprocessing):
    """Cut a waveform, or fill it up with silence, to so many values."""

    kind = "audio"

    length: int

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        return cls(int(content["length"]))


class AudioModality(Modality):
    """Waveforms: float32 (n,) in -1 to 1; stored as signed 16-bit values."""

    name = "audio"
    unit = "values"
    preprocessing = AudioPreprocessing

    def decode(self, source: Any) -> np.ndarray:
        if isinstance(source, np.ndarray):
            return source
        data = source.read_bytes() if isinstance(source, Path) else source
        if not isinstance(data, bytes) or not data or len(data) % 2:
            raise InputError("audio: allowed are the bytes or the path of signed 16-bit values")
        return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(2**15)

    def _size(self, value: np.ndarray, model: ModelLike | None) -> float:
        return len(value)

    def resized(self, value: np.ndarray, size: float, model: ModelLike | None = None) -> np.ndarray:
        return np.resize(value, max(1, round(size)))

    def _feeds(self, model: ModelLike, value: np.ndarray) -> dict[str, np.ndarray]:
        assert isinstance(model.preprocessing, AudioPreprocessing)
        if not isinstance(value, np.ndarray) or value.dtype != np.float32 or value.ndim != 1:
            raise InputError("audio: got another value than a float32 (n,) waveform")
        length = model.preprocessing.length
        return {model.inputs[0].name: np.pad(value[:length], (0, max(0, length - len(value))))[None]}

    def synthetic(
        self, model: ModelLike, count: int, refusal: Callable[[Mapping[str, np.ndarray]], str]
    ) -> Sequence[np.ndarray]:
        generator = np.random.default_rng(0)
        return [generator.uniform(-1, 1, 50).astype(np.float32) for _ in range(count)]

    def recognises(self, path: Path) -> bool:
        return any(path.glob("*.pcm"))

    def open_samples(self, path: Path, options: SampleOptions = DEFAULT_SAMPLE_OPTIONS) -> Samples:
        return AudioFolder(path)


class AudioFolder(ListedSamples):
    """A folder of `.pcm` files, labelled by the part of their name before a hyphen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = sorted(path.name for path in folder.glob("*.pcm"))
        if not names:
            raise SamplesError(f"{folder}: has no .pcm files")
        super().__init__(names, [int(name.split("-")[0]) for name in names])

    def value(self, index: int) -> np.ndarray:
        return AUDIO.decode(self.folder / self.names[index])


AUDIO = AudioModality()
