"""An app: load a bundle and answer images, each with the choice that is best for it now.

python examples/classify.py BUNDLE IMAGE...
"""

import sys

import compsel
from compsel.inputs.imagenet_classes import imagenet_classes


def main(bundle: str, *images: str) -> None:
    names = imagenet_classes()
    with compsel.load(bundle) as runtime:
        for image in images:
            answer = runtime(image)
            print(f"{image}: {names[answer.label]}, {answer.latency_ms:.2f} ms, {answer.choice}")
            for stage in answer.stages:
                sure = (
                    "" if stage.probability_right is None else f", right with probability {stage.probability_right:.2f}"
                )
                print(f"    {stage.variant} on {stage.processor}: {stage.latency_ms:.2f} ms{sure}")
            hurried = runtime(image, deadline_ms=3)
            met = "met" if hurried.constraints_met else hurried.note
            print(f"    within 3 ms: {names[hurried.label]}, {hurried.latency_ms:.2f} ms, {met}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
