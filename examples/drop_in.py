"""Replace an ONNX Runtime session: the same call, answered by the choice that is best now.

    python examples/drop_in.py BUNDLE

Prints the outputs of one inference on made-up numbers: names, types and shapes.
"""

import sys

import numpy as np

import compsel


def main(bundle: str) -> None:
    # before: session = onnxruntime.InferenceSession("model.onnx")
    with compsel.load(bundle) as session:
        spec = session.get_inputs()[0]
        shape = [axis or 1 for axis in spec.shape or ()]
        tensor = np.random.default_rng(0).normal(size=shape).astype(spec.dtype)
        outputs = session.run(None, {spec.name: tensor})
        for output, array in zip(session.get_outputs(), outputs, strict=True):
            print(f"{output.name}: {array.dtype} {array.shape}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
