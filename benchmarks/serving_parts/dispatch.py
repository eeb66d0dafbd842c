"""What dispatch adds to a call: of an input, of a tensor, of a tiny model; with limits that stay, and that vary."""

import itertools
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

import compsel
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.models.model import Model
from compsel.runtime.runtime import Runtime
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.variants.writer import write_variant
from serving_parts.answered import answering_stages, bare_session, bare_stages
from serving_parts.comparison import Options, Part, Row, row
from serving_parts.turns import Turns, times_in_turns

_ROUNDS = 200
_TINY, _FAR_MS, _STEP_MS = 10, 40.0, 0.0137
_WHAT = (
    "one process, sides in turns in an order that changes; 'added' is the median difference to the bare session of the "
    "same round, of the processor time of the caller's thread outside the runs of sessions (all run on one thread), "
    "with the same preparation; of the policy all that is outside its stages; bar 0.05 ms (inputs, tensors), "
    "0.02 (tiny), 0.1 (varying deadlines)"
)
Call = Callable[[], Any]


def measure(options: Options) -> Part:
    """Measure what dispatch adds."""
    with tempfile.TemporaryDirectory() as folder, compsel.load(options.bundle) as runtime:
        value = runtime.modality.decode(options.source)
        (stage, *_) = answering_stages(runtime, options.source)
        processor = "cpu:1" if (stage.variant, "cpu:1") in runtime.costs.choices else None
        one = processor or f"cpu:{stage.threads}"
        with tiny(Path(folder)) as small:
            groups = (
                _inputs(runtime, value, stage.variant, one),
                _tensors(runtime, stage.variant, one),
                _of_policy(runtime, value),
                _tiny(small),
            )
            # each beside its own kind: what others leave in the caches is not what an app meets
            turns = {name: side for sides in groups for name, side in in_turns(sides, options).items()}
    rows = []
    for name, side in turns.items():
        bare = turns.get(f"{name.partition(': ')[0]}: bare")
        rows.append(row(name, side.wall_ms, "ms"))
        if bare is None:
            outside = [
                t - sum(s.latency_ms for s in one.stages) for t, one in zip(side.wall_ms, side.given, strict=True)
            ]
            rows.append(row(f"{name}: outside its stages", outside, "ms"))
        elif side is not bare:
            added = np.subtract(side.outside_ms, bare.outside_ms)
            rows.append(Row(f"{name}: added", float(np.median(added)), "ms"))
    return Part(_WHAT, rows, {"times_ms": {name: side.wall_ms for name, side in turns.items()}})


def in_turns(sides: Mapping[str, Call], options: Options) -> dict[str, Turns]:
    """Call sides in turns."""
    return times_in_turns(sides, options.rounds or _ROUNDS)


def limited(call: Callable[..., Any], value: Any, name: str) -> dict[str, Call]:
    """Return the call without limits, with one deadline, with one that varies at every call, and with a quality."""
    varying = itertools.count(1)
    return {
        name: lambda: call(value),
        f"{name}, one deadline": lambda: call(value, deadline_ms=_FAR_MS),
        f"{name}, varying deadline": lambda: call(value, deadline_ms=_FAR_MS + next(varying) * _STEP_MS),
        f"{name}, min_quality": lambda: call(value, min_quality=0.5),
    }


def _inputs(runtime: Runtime, value: Any, variant: str, processor: str) -> Mapping[str, Call]:
    """Return the pinned choice on an input, and a bare session of it after the same preparation."""
    pinned = runtime.with_policy(FixedPolicy(variant, processor))
    described, modality = runtime.bundle.variants[variant], runtime.modality
    session = bare_session(bare_stages(runtime, [(variant, processor)], False)[0])
    outputs = [spec.name for spec in described.outputs]
    return {
        "input: bare": lambda: session.run(outputs, modality.graph_feeds(described, value)),
        **limited(pinned, value, "input: compsel"),
    }


def _tensors(runtime: Runtime, variant: str, processor: str) -> Mapping[str, Call]:
    pinned = runtime.with_policy(FixedPolicy(variant, processor))
    described = runtime.bundle.variants[variant]
    session = bare_session(bare_stages(runtime, [(variant, processor)], True)[0])
    rng = np.random.default_rng(0)
    feed = {
        spec.name: rng.integers(0, 2, [axis or 1 for axis in spec.shape or ()]).astype(spec.dtype)
        for spec in described.inputs
    }
    return {
        "tensor: bare": lambda: session.run(None, feed),
        "tensor: compsel run": lambda: pinned.run(None, feed),
        **limited(pinned, feed, "tensor: compsel"),
    }


def _of_policy(runtime: Runtime, value: Any) -> Mapping[str, Call]:
    return {f"policy: {name}": call for name, call in limited(runtime, value, "compsel").items()}


def _tiny(runtime: Runtime) -> Mapping[str, Call]:
    feed = {"x": np.ones((1, _TINY), np.float32)}
    session = bare_session(bare_stages(runtime, runtime.costs.choices, True)[0])
    return {
        "tiny: bare": lambda: session.run(None, feed),
        "tiny: compsel run": lambda: runtime.run(None, feed),
        **limited(runtime, feed, "tiny: compsel"),
    }


def tiny(folder: Path) -> Runtime:
    """Return a runtime of a model that adds ten numbers to themselves."""
    shape = [1, _TINY]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    proto: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    variant = replace(write_variant(Model.from_proto(proto, "tiny"), folder / "files", "other"))
    costs = CostModel(((variant.name, "cpu:1"),), np.zeros((1, 1)), np.full((1, 1), 0.01), np.full((1, 1), 0.01))
    content = BundleContent(
        (variant,), folder / "files", {"adaptive": FixedPolicy(variant.name)}, {}, Objective(), {variant.name: 1.0},
        costs, {},
    )  # fmt: skip
    write_bundle(content, folder / "bundle")
    return compsel.load(folder / "bundle")
