"""What a model answers to samples under candidates of its preprocessing; each is asked once."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.building.preprocessing_search.candidates import PreprocessingCandidate
from compsel.errors import CompselError, ModelError
from compsel.inputs.image import IMAGE
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.samples import Samples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.output_kind import output_kind

__all__ = ["SearchAnswers"]

_LEAST_LOG, _LEAST_SCORE = math.log(1e-4), -1e30


class SearchAnswers:
    """The answers of a model to samples, for any preprocessing.

    Args:
        model: a classifier of pictures.
        samples: pictures.

    Attributes:
        n_classes: how many class scores the model gives; 0 before it was asked.

    Raises:
        ModelError: it does not load.

    >>> from compsel.networks import build
    >>> from compsel.inputs.samples import ArraySamples
    >>> from compsel.building.preprocessing_search.candidates import normalisations
    >>> from compsel.inputs.images.image_input import image_input
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> answers = SearchAnswers(model, ArraySamples([np.zeros((40, 40, 3), np.uint8)]))
    >>> candidate = normalisations(image_input(model.inputs), "crop", (32, 32))[0]
    >>> answers.classes(candidate, [0]).shape, answers.n_classes
    ((1,), 1000)
    """

    def __init__(self, model: Model, samples: Samples) -> None:
        self.model, self.samples = model, samples
        self.n_classes = 0
        self._session = open_session(model.proto)
        self._output = self._session.get_outputs()[0].name
        self._known: dict[tuple[ImagePreprocessing, int], NDArray[np.float32]] = {}
        self._values: dict[int, Any] = {}
        self._pixels: dict[tuple[ImagePreprocessing, int], np.ndarray] = {}

    def what_instead(self, candidate: PreprocessingCandidate) -> str:
        """Return in words what the model gives where that is no score for each of several classes; "" where it is.

        Args:
            candidate: a preprocessing to ask it with; any will do.
        """
        output = self._output_of(candidate.preprocessing, 0)
        shape = tuple(output.shape)
        if output.dtype.kind != "f":
            return f"{output.dtype} of shape {shape}"
        if output.size == 1:
            return f"one number (shape {shape}), as a sigmoid or a regression does"
        if sum(axis > 1 for axis in shape) > 1:
            return f"an output of shape {shape}"
        if output_kind([output.reshape(1, -1)]) == "other":
            return f"a vector of length 1 (shape {shape}), as embeddings are"
        return ""

    def classes(self, candidate: PreprocessingCandidate, indices: Sequence[int]) -> NDArray[np.int64]:
        """Return the class (n,) that the model gives each sample."""
        return np.array([self._scores(candidate.preprocessing, index).argmax() for index in indices], np.int64)

    def log_probabilities(
        self, candidate: PreprocessingCandidate, indices: Sequence[int], labels: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the logarithm (n,) of the probability that the model gives each sample's label, at least 1e-4."""
        found = []
        for index, label in zip(indices, labels, strict=True):
            scores = self._scores(candidate.preprocessing, index).astype(np.float64)
            if not 0 <= label < len(scores):
                found.append(_LEAST_LOG)
                continue
            likely = scores if _are_probabilities(scores) else np.exp(scores - scores.max())
            found.append(max(_LEAST_LOG, math.log(max(likely[label] / likely.sum(), 1e-30))))
        return np.array(found)

    def forget_pixels(self) -> None:
        """Free what was cut and resized; the answers stay."""
        self._pixels.clear()

    def _scores(self, preprocessing: ImagePreprocessing, index: int) -> NDArray[np.float32]:
        key = (preprocessing, index)
        if key not in self._known:
            output = self._output_of(preprocessing, index)
            scores = output.astype(np.float32).reshape(-1) if output.size else np.zeros(1, np.float32)
            self.n_classes = len(scores)
            self._known[key] = np.nan_to_num(scores, nan=_LEAST_SCORE)
        return self._known[key]

    def _output_of(self, preprocessing: ImagePreprocessing, index: int) -> NDArray[Any]:
        feeds = IMAGE.feeds(replace(self.model, preprocessing=preprocessing), self._cut(preprocessing, index))
        try:
            return np.asarray(self._session.run([self._output], feeds)[0])
        except CompselError:
            raise
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise ModelError(
                f"{self.model.name}: does not run on pictures of {preprocessing.resolution}: {error}"
            ) from error

    def _cut(self, preprocessing: ImagePreprocessing, index: int) -> np.ndarray:
        """Return the pixels that a network sees, cut and resized once for all normalisations."""
        shape = replace(preprocessing, mean=(0.0,) * 3, std=(1.0,) * 3, channels="RGB")
        if (shape, index) not in self._pixels:
            if index not in self._values:
                self._values[index] = self.samples.undecoded(index)
            self._pixels[shape, index] = shape.pixels(self._values[index])
        return self._pixels[shape, index]


def _are_probabilities(scores: NDArray[np.float64]) -> bool:
    return bool((scores >= 0).all() and abs(scores.sum() - 1) < 1e-2)
