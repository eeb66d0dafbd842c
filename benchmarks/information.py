"""What tells a right answer from a wrong one, beyond the two most probable classes of one stage, and what it costs.

    python benchmarks/information.py FIRST.onnx SECOND.onnx CHEAP.onnx --samples DIR --json information.json

FIRST answers every photograph; where it is unsure SECOND does. For each kind of information, cross-validated: AUROC of
right against wrong answers of FIRST (95 % interval by bootstrap), and the mean time at which a cascade of the two
reaches the accuracy of SECOND minus half a point, the price of the information included. What needs a further inference
pays for it on every photograph. Times: median of one inference on one thread, in this run.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from sklearn.metrics import roc_auc_score

from compsel.cli.tables import plain_table
from compsel.cli.terminal import TERMINAL
from compsel.device.fingerprint import device_fingerprint
from compsel.features.fusion import softmax
from compsel.inputs.image import image_preprocessing
from compsel.inputs.samples import ImageFolder, Samples
from compsel.models.model import Model
from compsel.selection.cascade.calibration import calibrate
from compsel.selection.training.folds import assign_folds
from compsel.techniques import parse

REPEATS = 4  # of five folds
DRAWS = 500
LOST = 0.005
POOLED = "pooled"
Image = np.ndarray


@dataclass
class View:
    """What one network says of every photograph in one way of looking at it."""

    probabilities: np.ndarray
    pooled: np.ndarray
    ms: float


def with_pooled(model: Model) -> tuple[ort.InferenceSession, np.ndarray]:
    """Return a session that also gives the input of the last dense layer, and that layer's weight (classes, width)."""
    proto = model.to_proto()
    dense = [node for node in proto.graph.node if node.op_type in ("Gemm", "MatMul")][-1]
    proto.graph.node.append(onnx.helper.make_node("Identity", [dense.input[0]], [POOLED]))
    proto.graph.output.append(onnx.helper.make_tensor_value_info(POOLED, onnx.TensorProto.FLOAT, None))
    weight = next(onnx.numpy_helper.to_array(one) for one in proto.graph.initializer if one.name == dense.input[1])
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session, weight if weight.shape[0] == 1000 else weight.T


def look(model: Model, samples: Samples, change: Callable[[Image], Image], label: str) -> tuple[View, np.ndarray]:
    """Run a network on every photograph, changed in some way."""
    session, weight = with_pooled(model)
    preprocessing = image_preprocessing(model)
    assert preprocessing is not None
    rows, pooled, times = [], [], []
    for index in TERMINAL.track(range(len(samples)), label):
        image = change(samples.value(index))
        start = time.perf_counter()
        tensor = preprocessing.tensor(image)
        scores, inside = session.run([model.outputs[0].name, POOLED], {model.inputs[0].name: tensor})
        times.append(time.perf_counter() - start)
        rows.append(softmax(scores[0]))
        pooled.append(inside.reshape(-1))
    return View(np.stack(rows), np.stack(pooled), 1e3 * float(np.median(times))), weight


def margins(probabilities: np.ndarray) -> np.ndarray:
    """Return the log-odds of the most probable class, and its log-ratio to the second: what a stage is read by."""
    top = np.sort(probabilities, axis=1)[:, ::-1][:, :2].astype(np.float64)
    first = np.log((top[:, 0] + 1e-4) / (1 - top[:, 0] + 1e-4))
    return np.stack([first, np.log((top[:, 0] + 1e-4) / (top[:, 1] + 1e-4))], axis=1)


def shape_of(probabilities: np.ndarray) -> np.ndarray:
    """Return the sums of the two, five and ten most probable classes, as log-odds."""
    sums = np.sort(probabilities, axis=1)[:, ::-1].cumsum(axis=1)[:, [1, 4, 9]].astype(np.float64)
    return np.log((sums + 1e-4) / (1 - sums + 1e-4))


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy of the answer (nats)."""
    safe = np.maximum(probabilities.astype(np.float64), 1e-12)
    return np.asarray(-(safe * np.log(safe)).sum(axis=1, keepdims=True))


def agreement(first: View, other: View) -> np.ndarray:
    """Return whether another view names the same class, and how probable that class is there."""
    best = first.probabilities.argmax(axis=1)
    same = other.probabilities.argmax(axis=1) == best
    theirs = np.log(other.probabilities[np.arange(len(best)), best].astype(np.float64) + 1e-4)
    return np.stack([same, theirs, margins(other.probabilities)[:, 0]], axis=1)


def prototypes(first: View, weight: np.ndarray) -> np.ndarray:
    """Return the length of the pooled features, and their cosine to the weight of the class that was named."""
    length = np.linalg.norm(first.pooled, axis=1)
    chosen = weight[first.probabilities.argmax(axis=1)]
    cosine = (first.pooled * chosen).sum(axis=1) / (length * np.linalg.norm(chosen, axis=1))
    return np.stack([np.log(length), cosine], axis=1)


def likeness(first: View, weight: np.ndarray) -> np.ndarray:
    """Return how alike the two most probable classes are: the cosine of their weights."""
    unit = weight / np.linalg.norm(weight, axis=1, keepdims=True)
    order = np.argsort(-first.probabilities, axis=1)[:, :2]
    return np.asarray((unit[order[:, 0]] * unit[order[:, 1]]).sum(axis=1, keepdims=True))


def reliability(best: np.ndarray, right: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return how often the class that was named was right on the training samples, pulled to the mean of all."""
    rate = right[train].mean()
    named = np.bincount(best[train], minlength=1000)
    hits = np.bincount(best[train], right[train], minlength=1000)
    pulled = (hits + 2.0 * rate) / (named + 2.0)
    # of a training sample: without itself
    own = (hits[best] - right + 2.0 * rate) / (named[best] - 1 + 2.0)
    return np.where(train, own, pulled[best])[:, None]


def out_of_fold(table: np.ndarray, right: np.ndarray, best: np.ndarray | None) -> np.ndarray:
    """Return the probability of being right, averaged over repeated cross-validation."""
    total = np.zeros(len(right))
    for seed in range(REPEATS):
        folds = assign_folds(len(right), 5, None, seed)
        for fold in range(5):
            train = folds != fold
            known = table
            if best is not None:
                known = np.concatenate([table, reliability(best, right.astype(float), train)], axis=1)
            coefficients, intercept = calibrate(known[train], right[train])
            total[~train] += 1 / (1 + np.exp(-(known[~train] @ coefficients + intercept))) / REPEATS
    return total


def time_at(
    score: np.ndarray, right: np.ndarray, fused: np.ndarray, wanted: float, first: float, second: float
) -> float:
    """Return the mean time at which the least sure go to the second network and the accuracy is reached; NaN: never."""
    order = np.argsort(score)
    accuracy = right.mean() + np.concatenate([[0], np.cumsum((fused.astype(float) - right)[order])]) / len(right)
    reached = np.flatnonzero(accuracy >= wanted)
    return float(first + second * reached[0] / len(right)) if len(reached) else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs=3, type=Path, metavar="MODEL.onnx")
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--lower", type=int, default=160, help="resolution of the cheaper look")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    samples = ImageFolder(arguments.samples)
    labels = np.array(samples.labels)
    first, second, cheap = (Model.load(path) for path in arguments.models)
    view, weight = look(first, samples, lambda image: image, "first")
    other = look(second, samples, lambda image: image, "second")[0]
    mirrored = look(first, samples, lambda image: np.ascontiguousarray(image[:, ::-1]), "mirrored")[0]
    near = look(first, samples, closer, "nearer")[0]
    small = look(parse(f"resolution:{arguments.lower}").apply(first, None), samples, lambda image: image, "smaller")[0]
    another = look(cheap, samples, lambda image: image, "another network")[0]
    best = view.probabilities.argmax(axis=1)
    right = best == labels
    pool = np.log(view.probabilities + 1e-12) * 0.7 + np.log(other.probabilities + 1e-12) * 0.7
    fused = pool.argmax(axis=1) == labels
    base = margins(view.probabilities)
    kinds: dict[str, tuple[list[np.ndarray], float, bool]] = {
        "two most probable classes (shipped)": ([], 0.0, False),
        "+ sums of the 2, 5, 10 most probable": ([shape_of(view.probabilities)], 0.0, False),
        "+ entropy": ([entropy(view.probabilities)], 0.0, False),
        "+ reliability of the class": ([], 0.0, True),
        "+ likeness of the two classes": ([likeness(view, weight)], 0.0, False),
        "+ pooled features: length, cosine": ([prototypes(view, weight)], 0.0, False),
        "+ mirrored": ([agreement(view, mirrored)], mirrored.ms, False),
        "+ nearer crop": ([agreement(view, near)], near.ms, False),
        f"+ {arguments.lower} pixels": ([agreement(view, small)], small.ms, False),
        f"+ {cheap.name}": ([agreement(view, another)], another.ms, False),
    }
    wanted, found, rows = float((other.probabilities.argmax(axis=1) == labels).mean()) - LOST, {}, []
    draws = np.random.default_rng(0).integers(0, len(right), (DRAWS, len(right)))
    for name, (more, price, by_class) in kinds.items():
        score = out_of_fold(np.concatenate([base, *more], axis=1), right, best if by_class else None)
        low, high = np.percentile([roc_auc_score(right[rows_], score[rows_]) for rows_ in draws], [2.5, 97.5])
        ms = time_at(score, right, fused, wanted, view.ms + price, other.ms)
        found[name] = {
            "auroc": float(roc_auc_score(right, score)),
            "low": low,
            "high": high,
            "price_ms": price,
            "ms": ms,
        }
        rows.append((name, f"{found[name]['auroc']:.3f} ({low:.3f} to {high:.3f})", f"{price:.2f}", f"{ms:.2f}"))
    print(
        f"{first.name} {right.mean():.2%} {view.ms:.2f} ms, {second.name} {other.ms:.2f} ms, fused {fused.mean():.2%}"
    )
    print(plain_table(rows, ("information", "AUROC (95 %)", "price ms", f"ms at {wanted:.2%}")))
    if arguments.json:
        content = {"device": device_fingerprint(), "n": len(right), "kinds": found}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


def closer(image: Image) -> Image:
    """Return the middle three quarters of an image."""
    height, width = image.shape[:2]
    top, left = height // 8, width // 8
    return np.ascontiguousarray(image[top : height - top, left : width - left])


if __name__ == "__main__":
    main()
