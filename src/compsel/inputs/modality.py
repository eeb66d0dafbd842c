"""The contract of a modality: decode a source, tell how large the input is, make the tensors of a model from it."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np

from compsel.errors import InputError
from compsel.inputs.preprocessing import Preprocessing
from compsel.inputs.sample_options import DEFAULT_SAMPLE_OPTIONS, SampleOptions
from compsel.inputs.tensor_specs import TensorSpec, check_feeds

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples

__all__ = ["Modality", "ModelLike"]


class ModelLike(Protocol):
    """What a modality needs to know of a model: `compsel.models.model.Model` has it, and so has a variant on disk.

    >>> from compsel.networks import build
    >>> model: ModelLike = build("mobilenet-v1", width=0.25, resolution=32)
    >>> model.name, len(model.inputs)
    ('mobilenet-v1', 1)
    """

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """What must be fed."""

    @property
    def preprocessing(self) -> Preprocessing | None:
        """How an input becomes the model's tensors; None for models that take tensors."""


class Modality(ABC):
    """A kind of input. Values are what `decode` gives, or the model's tensors by name, which every modality lets pass.

    `size` and `feeds` check what comes out; subclasses set `name`, `unit` and `preprocessing` and write the rest.
    A new one stands in a file of its own and in the table of `compsel.inputs.modalities`.

    Attributes:
        name: the word in tables, and the kind of its preprocessing.
        unit: of sizes, in the plural.
        size_costs: what costs more for a larger input: the "inference" itself, differently for every model; or only
            its "preparation", alike for all.
        preprocessing: the class of the preprocessing of its models; None where models have none.
        lazy: types of values that are decoded no sooner than their pixels, or the like, are needed: see `decode_for`.
        typical: a source that fits every model by construction, to warm up with; None: there is none.

    >>> from compsel.inputs.modalities import MODALITIES
    >>> list(MODALITIES)
    ['image', 'text', 'tensors']
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    size_costs: ClassVar[Literal["inference", "preparation"]] = "inference"
    preprocessing: ClassVar[type[Preprocessing] | None]
    lazy: ClassVar[tuple[type, ...]] = ()
    typical: ClassVar[Any] = None

    def takes(self, model: ModelLike) -> bool:
        """Whether this is what `model` takes."""
        return self.preprocessing is not None and isinstance(model.preprocessing, self.preprocessing)

    @abstractmethod
    def decode(self, source: Any) -> Any:
        """Turn what an app holds (a path, encoded bytes, an array) into a value; a value is returned as it is.

        Raises:
            InputError: not such a source, or a damaged one.
        """

    def decode_for(self, value: Any, readers: Iterable[Any]) -> None:
        """Decode a lazy value now, once, as finely as any of its readers needs: then none of them has to.

        Args:
            value: of one of the `lazy` types.
            readers: preprocessings and feature extractors.

        Raises:
            InputError: a damaged one.
        """
        return

    def size(self, value: Any, model: ModelLike | None = None) -> float:
        """Return how large a value is, in the unit that its cost grows with: pixels, tokens, elements.

        Args:
            value: what `decode` gives.
            model: whose units count, where models count differently (tokens); None: what can be said without one.

        Raises:
            InputError: the modality broke its own contract.
        """
        size = float(self._size(value, model))
        if not 0 <= size < math.inf:
            raise InputError(f"{self.name}: got size {size}, allowed is 0 or more: this is a defect of the modality")
        return size

    @abstractmethod
    def _size(self, value: Any, model: ModelLike | None) -> float:
        """Return the size."""

    @abstractmethod
    def resized(self, value: Any, size: float, model: ModelLike | None = None) -> Any:
        """Return a value like this one, of about another size, that the model takes: for measuring what size costs.

        Args:
            value: what `decode` gives.
            size: above 0, as `size` counts.
            model: as in `size`; None: as much is changed as can be without one.
        """

    def largest_size(self, model: ModelLike) -> float | None:
        """Return up to which size of its input a model's cost grows; infinite: not known; None: it does not."""
        return None

    def feeds(self, model: ModelLike, value: Any) -> dict[str, np.ndarray]:
        """Turn a value into the tensors of a model, checked against its inputs.

        Raises:
            InputError: not a value of this modality, or tensors that are not as the model's inputs.
        """
        feeds = dict(value) if isinstance(value, Mapping) else self._feeds(model, value)
        check_feeds(model.inputs, feeds)
        return feeds

    @abstractmethod
    def _feeds(self, model: ModelLike, value: Any) -> dict[str, np.ndarray]:
        """Return the tensors of a value that is none by itself."""

    def graph_inputs(self, model: ModelLike) -> Sequence[TensorSpec]:
        """Return the inputs of the graph that an app runs: the model's, unless a part of the preprocessing is in it."""
        return model.inputs

    def graph_feeds(self, model: ModelLike, value: Any) -> dict[str, np.ndarray]:
        """Turn a value into what the graph that an app runs is fed; on the path of every answer.

        Raises:
            InputError: as `feeds`.
        """
        return self.feeds(model, value)

    @abstractmethod
    def synthetic(
        self, model: ModelLike, count: int, refusal: Callable[[Mapping[str, np.ndarray]], str]
    ) -> Sequence[Any]:
        """Make values for a model that comes without samples, the same ones each time.

        Args:
            model: what takes them.
            count: how many.
            refusal: runs the model on feeds, and returns why it does not run on them; "" where it does.

        Raises:
            InputError: the model runs on none.
        """

    def recognises(self, path: Path) -> bool:
        """Whether a path holds samples of this modality; several may say so, and then the model decides."""
        return False

    @abstractmethod
    def open_samples(self, path: Path, options: SampleOptions = DEFAULT_SAMPLE_OPTIONS) -> "Samples":
        """Open the samples in a folder or file.

        Args:
            path: of it.
            options: what the user says of them.

        Raises:
            SamplesError: there are none, or damaged ones.
        """
