"""An own processor: variants run by OpenCV's inference engine instead of ONNX Runtime.

    python examples/own_processor.py

measures a small model on the CPU by ONNX Runtime and by OpenCV, trains on both, and prints what each takes and which
way the bundle goes. Importing this file registers the processor; an app that loads such a bundle imports it too, or
names it, as the command line does:

    COMPSEL_PLUGINS=examples/own_processor.py compsel devices
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx

import compsel
from compsel.errors import ModelError


class OpenCvSession:
    """A graph with one input, loaded by OpenCV."""

    def __init__(self, variant: bytes | str | os.PathLike[str]) -> None:
        if isinstance(variant, bytes):
            model = compsel.Model.from_proto(onnx.load_from_string(variant), "graph")
        else:
            model = compsel.Model.load(variant)  # weights lie in files beside the graph: these are read too
        self.inputs, self.outputs = model.inputs, model.outputs
        try:
            self._net = cv2.dnn.readNetFromONNX(np.frombuffer(model.proto.SerializeToString(), np.uint8))
        except cv2.error as error:
            raise ModelError(f"opencv: cannot read the graph ({error.err})") from error

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Run one inference."""
        try:
            self._net.setInput(feeds[self.inputs[0].name])
            found = self._net.forward([spec.name for spec in self.outputs])
        except cv2.error as error:
            raise ModelError(f"opencv: cannot run the graph ({error.err})") from error
        arrays = dict(zip((spec.name for spec in self.outputs), found, strict=True))
        return [np.array(arrays[name]) for name in outputs or arrays]

    def close(self) -> None:
        """Free the network."""
        del self._net


class OpenCv(compsel.Processor):
    """OpenCV on the CPU. `availability` is inherited: a small graph is run, and its answer compared with the CPU's."""

    name, provider = "opencv", "OpenCV"

    def open(self, variant: bytes | str | os.PathLike[str]) -> OpenCvSession:
        """Load a graph with OpenCV."""
        return OpenCvSession(variant)


compsel.register_processor(OpenCv())


def main() -> None:
    from small_world import classifier, crops

    print("opencv:", OpenCv().availability().reason)
    with tempfile.TemporaryDirectory() as folder:
        measured = compsel.profile(
            classifier(),
            crops(120, seed=2),
            folder,
            technique="none",
            processor=["cpu:1", "opencv"],
            state="idle",
            budget=1,
        )
        for row in measured.to_frame("choices").itertuples():
            print(f"{row.variant} on {row.processor}: {row.mean_ms:.2f} ms, {row.peak_memory_mb:.0f} MB")
        out = Path(folder) / "bundle"
        compsel.train(folder, out=out)
        with compsel.load(out) as runtime:
            print(runtime(crops(1).value(0)))


if __name__ == "__main__":
    main()
