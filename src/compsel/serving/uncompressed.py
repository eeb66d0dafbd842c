"""The uncompressed model beside the bundle: what the same input gets from it, and how long that takes."""

import time
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

from compsel.errors import ModelError
from compsel.runtime import Answer, Runtime
from compsel.runtime.answer import Stage
from compsel.selection.policies import FixedPolicy
from compsel.variants.variant import Variant

__all__ = ["BundledOriginal", "ModelFile", "UncompressedModel", "uncompressed_in"]

_UNCOMPRESSED = "none"


class UncompressedModel(ABC):
    """Answers inputs as the model did before it was compressed.

    Attributes:
        name: of the model, and how it runs.
    """

    name: str

    @abstractmethod
    def answer(self, value: Any) -> Answer:
        """Answer a decoded or encoded value of the bundle's modality.

        Raises:
            InputError: not an input of this model.
        """


class BundledOriginal(UncompressedModel):
    """A variant of the bundle that nothing was done to, on its best processor.

    Args:
        runtime: of the bundle; it has to stay open.
        variant: name of the variant.
    """

    def __init__(self, runtime: Runtime, variant: str) -> None:
        self._runtime = runtime.with_policy(FixedPolicy(variant))
        self._runtime.warm_up()
        self.name = variant

    def answer(self, value: Any) -> Answer:
        """Answer a value."""
        return self._runtime(value)


class ModelFile(UncompressedModel):
    """A model from a file, as ONNX Runtime runs it by default: all graph optimisations, a thread for every core.

    Args:
        path: of the ONNX model.
        like: a variant of the bundle, whose preprocessing it gets where it has none of its own.

    Raises:
        ModelError: not a model, or one that takes other inputs than the bundle.
    """

    def __init__(self, path: Path, like: Variant) -> None:
        # onnx: only who compares needs it
        from compsel.inputs.modalities import modality_of
        from compsel.models.graph_session import open_session
        from compsel.models.model import Model

        model: Model = Model.load(path)
        if model.preprocessing is None and like.preprocessing is not None:
            model = replace(model, preprocessing=like.preprocessing)
        modality = modality_of(model)
        wanted = modality_of(like)
        if modality is not wanted:
            raise ModelError(f"{path}: takes {modality.name}, the bundle takes {wanted.name}: give its model")
        self._model, self._modality, self._like = model, modality, like
        self._session = open_session(model.proto, threads=0, isolated=False)
        self._outputs = [spec.name for spec in model.outputs]
        self.name = f"{path.name}@onnxruntime"

    def answer(self, value: Any) -> Answer:
        """Answer a value."""
        begin = time.perf_counter_ns()
        outputs = self._session.run(self._outputs, self._modality.feeds(self._model, value))
        latency_ms = (time.perf_counter_ns() - begin) / 1e6
        stage = Stage(self._model.name, "onnxruntime", latency_ms, latency_ms)
        return Answer(outputs, latency_ms, (stage,), output=self._like.output, labels=self._like.labels)


def uncompressed_in(runtime: Runtime) -> str | None:
    """Return the name of the most accurate variant that nothing was done to; None where the bundle holds none."""
    bundle = runtime.bundle
    measured = {variant for variant, _ in runtime.costs.choices}
    names = [
        name for name, variant in bundle.variants.items() if variant.technique == _UNCOMPRESSED and name in measured
    ]
    return max(names, key=lambda name: bundle.quality[name], default=None)
