"""An app: load a bundle and answer images, each with the choice that is best for it now.

    python examples/classify.py BUNDLE IMAGE...

Prints for each image the class, the time, the choice and its stages; then the same within a deadline of 3 ms.
"""

import sys

import compsel


def main(bundle: str, *images: str) -> None:
    with compsel.load(bundle) as runtime:
        for image in images:
            answer = runtime(image)
            print(f"{image}: {answer.label_name}, {answer.latency_ms:.2f} ms, {answer.choice}")
            for stage in answer.stages:
                sure = (
                    "" if stage.probability_right is None else f", right with probability {stage.probability_right:.2f}"
                )
                print(f"    {stage.variant} on {stage.processor}: {stage.latency_ms:.2f} ms{sure}")
            hurried = runtime(image, deadline_ms=3)
            met = "met" if hurried.constraints_met else hurried.note
            print(f"    within 3 ms: {hurried.label_name}, {hurried.latency_ms:.2f} ms, {met}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
