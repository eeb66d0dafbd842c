"""An own technique: weights stored as float16 and computed with as float32, so that files halve and answers stay.

    python examples/own_technique.py [MODEL.onnx]

prints the size and agreement of MODEL (else: a small one that is made here) by the new technique, beside int8. The
technique needs no change of the package: importing this file registers it. The command line finds it the same way:

    COMPSEL_PLUGINS=examples/own_technique.py compsel compress MODEL.onnx --technique half-storage --out SMALLER

A package names its module in the entry points of the group `compsel.plugins` instead, and nobody sets a variable.
"""

import sys
import tempfile
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import compsel
from compsel.errors import NotApplicableError


@compsel.register_technique
@dataclass(frozen=True)
class HalfStorage(compsel.Technique):
    """Weights as float16 in the file; ONNX Runtime widens them once, when it loads the model.

    Attributes:
        least: elements that a weight must have to be stored so.
    """

    name = "half-storage"
    least: int = 256

    def _transform(self, model: compsel.Model, calibration: compsel.Samples | None) -> compsel.Model:
        proto = model.copy_proto()
        graph, casts = proto.graph, []
        for weight in graph.initializer:
            values = numpy_helper.to_array(weight)
            if values.dtype != np.float32 or values.size < self.least or np.abs(values).max() > 65504:
                continue
            half = numpy_helper.from_array(values.astype(np.float16), f"{weight.name}_half")
            casts.append(helper.make_node("Cast", [half.name], [weight.name], to=TensorProto.FLOAT))
            weight.CopyFrom(half)
        if not casts:
            raise NotApplicableError(f"{self.name}: no float32 weight of {model.name!r} has {self.least} elements")
        nodes = [*casts, *graph.node]
        del graph.node[:]
        graph.node.extend(nodes)
        return model.with_proto(proto)


def main(path: str | None = None) -> None:
    from small_world import classifier, crops

    model, samples = (compsel.Model.load(path), None) if path else (classifier(), crops(60))
    with tempfile.TemporaryDirectory() as folder:
        techniques = ["none", "half-storage", "half-storage:100000", "int8-weight"]
        for report in compsel.compress(model, techniques, folder, samples=samples):
            if report.verification is None:
                print(f"{report.technique}: {report.reason}")
                continue
            print(
                f"{report.technique}: {(report.size_bytes or 0) / 1000:.0f} kB, the same answer to "
                f"{report.verification.agreement:.1%} of {report.verification.samples} inputs"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
