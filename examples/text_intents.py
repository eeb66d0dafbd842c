"""Intents of short texts: a head on an encoder, a student hundreds of times cheaper, and a cascade of the two.

    python examples/text_intents.py ENCODER.onnx TABLE.csv [--out FOLDER] [--learn 0.6]

ENCODER: of texts, its `tokenizer.json` beside it, such as `compsel networks export minilm-l6 --weights FILE` writes.
TABLE: columns text,label. One part of it fits head and student (`--learn`), of the rest three quarters measure and
train the bundle, and the last quarter judges it. Prints how good head and student are out of fold, what ships, and on
the texts that nothing has seen: accuracy and mean latency of the bundle and of its most accurate model alone, and two
texts with the way that they took.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import compsel


def parts(samples: compsel.Samples, shares: tuple[float, ...]) -> list[compsel.ArraySamples]:
    """Cut a table into parts at random, the same ones every time."""
    order = np.random.default_rng(0).permutation(len(samples))
    cuts = np.split(order, (np.cumsum(shares) * len(order)).astype(int))
    return [
        compsel.ArraySamples([samples.value(row) for row in rows], [samples.labels[row] for row in rows])
        for rows in cuts
    ]


def judged(runtime: compsel.Runtime, samples: compsel.Samples) -> str:
    answers = [runtime(sample.value) for sample in samples]
    right = np.mean([answer.label == label for answer, label in zip(answers, samples.labels, strict=True)])
    stages = np.mean([len(answer.stages) == 1 for answer in answers])
    mean = np.mean([answer.latency_ms for answer in answers])
    return f"{right:.1%} at {mean:.2f} ms, {stages:.0%} of the texts answered by the first stage"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--out", type=Path, help="folder of the models and the bundle; default: one that is deleted")
    parser.add_argument("--learn", type=float, default=0.6, help="share of the table that fits head and student")
    arguments = parser.parse_args()
    rest = (1 - arguments.learn) * 0.75
    fitting, measuring, judging = parts(compsel.TextTable(arguments.table), (arguments.learn, rest))
    with tempfile.TemporaryDirectory() as temporary:
        out = arguments.out or Path(temporary)
        head = compsel.head(arguments.encoder, fitting, out / "head.onnx")
        student = compsel.student(fitting, out / "student.onnx", encoder=arguments.encoder)
        # without labels a student would be an encoder, which has no accuracy
        assert not isinstance(student, compsel.Model) and hasattr(student, "accuracy")
        print(f"out of fold: head {head.accuracy:.1%}, student {student.accuracy:.1%}")
        built = compsel.build(
            [out / "head.onnx", out / "student.onnx"],
            measuring,
            out / "bundle",
            technique="none",
            processor="cpu:1",
            state="idle",
            budget=2,
            max_loss=0.005,
            replace=True,
        )
        print(built)
        for policy in ("adaptive", "most_accurate"):
            if policy in compsel.Bundle.load(out / "bundle").policies:
                with compsel.load(out / "bundle", policy=policy) as runtime:
                    print(f"{policy}: {judged(runtime, judging)}")
                    for sample in judging.spread(2):
                        print(f"    {sample.value!r}: {runtime(sample.value)}")


if __name__ == "__main__":
    main()
