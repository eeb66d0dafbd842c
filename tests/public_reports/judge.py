"""Judge what techniques make of the model of a report: every output, every channel, on inputs not calibrated on."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx

from compsel.inputs.samples import ArraySamples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.techniques import parse
from compsel.variants.compress import compress
from tests.public_reports.reports import Report

#: techniques, and the most error of a channel over its size; those that change the function may do so
MOST_ERROR = {
    "none": 1e-6,
    "fuse": 1e-4,
    "float16": 0.01,
    "int16-weight": 2e-3,
    "int8-weight": 0.06,
    "int6-weight": 0.3,
    "int4-weight": 1.2,
    "cluster:8": 0.3,
    "int8-static": 0.15,
    "int8-dynamic": 0.12,
    "prune:0.3": 2.0,
    "channel-prune": 2.0,
    "low-rank:energy=0.99": 2.0,
}
CALIBRATION, JUDGED = 16, 8


def faults(report: Report, name: str, folder: Path) -> list[str]:
    """Return what is wrong with the variants of a report's model, by technique."""
    path = folder / f"{name}.onnx"
    onnx.save(report.build(), path)
    generator = np.random.default_rng(1)
    feeds = [dict(report.feed(generator)) for _ in range(CALIBRATION + JUDGED)]
    model, samples = Model.load(path), ArraySamples(feeds[:CALIBRATION])
    wanted = _answers(path, feeds[CALIBRATION:])
    found = []
    for spec in dict.fromkeys([*MOST_ERROR, *report.made]):
        [result] = compress([model], [parse(spec)], samples, folder / "variants")
        if result.path is None:
            wrong = "" if spec not in report.made and _is_sensible(result.reason) else f"left out: {result.reason}"
        else:
            wrong = _differs(_answers(result.path, feeds[CALIBRATION:]), wanted, MOST_ERROR[spec.partition(":b")[0]])
        found += [f"{spec}: {wrong}"] if wrong else []
    return found


def _is_sensible(reason: str) -> bool:
    """Tell whether a technique has nothing to do, or verification found that it does too much."""
    nothing_to_do = (
        "has no",
        "nothing in",
        "do not compute in float32",
        "is quantised already",
        "none of the layers",
        "computes in float16",
    )
    too_much = (
        "is ruined",
        "does not depend",
        "no longer depends",
        "another function",
        "mode only supports",
        "differ by",
    )
    return any(part in reason for part in (*nothing_to_do, *too_much))


def _answers(path: Path, feeds: list[dict[str, Any]]) -> list[list[Any]]:
    session = open_session(path)
    return [session.run(None, feed) for feed in feeds]


def _differs(got: list[list[Any]], wanted: list[list[Any]], most: float) -> str:
    if len(got[0]) != len(wanted[0]):
        return f"{len(got[0])} outputs, not {len(wanted[0])}"
    for index, (ours, theirs) in enumerate(zip(zip(*got, strict=True), zip(*wanted, strict=True), strict=True)):
        for one, other in zip(ours, theirs, strict=True):
            if (one.dtype, one.shape) != (other.dtype, other.shape):
                return f"output {index} is {one.dtype} {one.shape}, not {other.dtype} {other.shape}"
        if theirs[0].dtype.kind != "f" or not theirs[0].size:
            continue
        values, reference = _channels(ours), _channels(theirs)
        errors = np.linalg.norm(values - reference, axis=1) / np.maximum(np.linalg.norm(reference, axis=1), 1e-12)
        if not errors.max() <= most:  # also NaN
            return f"error {errors.max():.2g} in channel {errors.argmax()} of output {index}"
    return ""


def _channels(arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return the values of each channel over all samples: axis 1 of three or more, else the last."""
    axis = 1 if arrays[0].ndim >= 3 else arrays[0].ndim - 1
    rows = [np.moveaxis(np.atleast_1d(array).astype(np.float64), axis, 0) for array in arrays]
    return np.concatenate([row.reshape(len(row), -1) for row in rows], axis=1)
