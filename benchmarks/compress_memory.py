"""Peak memory of compressing a model, for each technique, as a multiple of the model's size.

    python benchmarks/compress_memory.py [--model MODEL.onnx] [--gigabytes G] [--technique T ...] [--json FILE]

Without a model: VGG-16 with seeded weights, 553 MB; with `--gigabytes`, a stack of dense layers of that size, whose
weights are in a file beside it from 2 GB on. Every technique is one `compsel compress` in a process of its own, which
loads, compresses, verifies and saves; what counts is the most that was resident at once, the interpreter, its libraries
and mapped files included (on Linux its high water mark, elsewhere `ru_maxrss`).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from command_peak import run_command
from compsel.cli.tables import plain_table
from compsel.models.model import Model
from compsel.networks import build
from compsel.storage.files import write_json
from compsel.techniques import applicable

SAMPLES = 2
SIDE = 4096  # of the dense layers: 67 MB each


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--gigabytes", type=float, metavar="G")
    parser.add_argument("--technique", nargs="+", metavar="T", help="default: all that apply")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="compsel-") as name:
        folder = Path(name)
        # made in a process of its own: what this one ever held would count for its children on some systems
        path = arguments.model or make(folder / "model.onnx", arguments.gigabytes)
        size = sum(file.stat().st_size for file in {path, *path.parent.glob("*.weights")})
        rows = [measure(path, size, spec, folder) for spec in arguments.technique or specs(path)]
    print(plain_table(map(shown, rows), ("technique", "peak MB", "times the model", "written", "reason")))
    if arguments.json:
        write_json(arguments.json, {"model_mb": size / 1e6, "techniques": rows})
    return 0


def make(path: Path, gigabytes: float | None) -> Path:
    """Write the model to compress, in a process of its own."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import compress_memory as here; "
    code += f"here.{'vgg' if gigabytes is None else 'dense'}({str(path)!r}, {gigabytes})"
    subprocess.run([sys.executable, "-c", code], check=True)
    return path


def vgg(path: str, _: None) -> None:
    build("vgg16").save(path)


def dense(path: str, gigabytes: float) -> None:
    """Write a stack of dense layers with residual connections, tensors in, tensors out."""
    rng = np.random.default_rng(0)
    nodes, weights, value = [], [], "x"
    for index in range(max(1, round(gigabytes * 1e9 / (4 * SIDE * SIDE)))):
        weight = rng.standard_normal((SIDE, SIDE), np.float32) * np.float32(SIDE**-0.5)
        weights.append(onnx.TensorProto(name=f"w{index}", data_type=TensorProto.FLOAT, dims=weight.shape))
        weights[-1].raw_data = weight.tobytes()
        nodes.append(helper.make_node("MatMul", [value, f"w{index}"], [f"h{index}"]))
        nodes.append(helper.make_node("Relu", [f"h{index}"], [f"r{index}"]))
        value = f"r{index}"
    nodes[-1].output[0] = "y"
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", SIDE]) for name in "xy")
    proto = onnx.ModelProto(ir_version=8, opset_import=[helper.make_opsetid("", 17)])
    proto.graph.name = "dense"
    proto.graph.node.extend(nodes)
    proto.graph.input.append(x)
    proto.graph.output.append(y)
    for tensor in weights:
        proto.graph.initializer.append(tensor)
    Model.from_proto(proto, "dense").save(path)


def specs(path: Path) -> list[str]:
    return applicable(Model.load(path))


def measure(path: Path, size: int, spec: str, folder: Path) -> dict[str, Any]:
    """Run one technique in a process of its own."""
    report, out = folder / "report.json", folder / "out"
    samples = folder / "samples"
    if not samples.is_dir():
        write_samples(samples, path)
    command = ["compress", str(path), "--technique", spec, "--samples", str(samples), "--out", str(out)]
    command += ["--json", str(report)]
    done = run_command(*command)
    if not report.is_file():
        raise SystemExit(f"{spec}: {done.said[-800:]}")
    variant = json.loads(report.read_text(encoding="utf-8"))["variants"][0]
    report.unlink()
    for file in out.glob("*"):
        file.unlink()
    print(f"{spec}: {done.peak_mb * 1e6 / size:.2f}", file=sys.stderr)
    return {
        "technique": spec,
        "peak_mb": done.peak_mb,
        "times_the_model": done.peak_mb * 1e6 / size,
        "written": variant["path"] is not None,
        "reason": variant["reason"],
        "seconds": variant["seconds"],
    }


def write_samples(folder: Path, path: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(1)
    proto = onnx.load(path, load_external_data=False)
    if any(entry.key == "compsel.preprocessing" for entry in proto.metadata_props):
        import cv2

        for index in range(SAMPLES):
            small = rng.integers(0, 256, (8, 8, 3), np.uint8)
            cv2.imwrite(str(folder / f"{index}.png"), cv2.resize(small, (256, 256)))
        return
    for index in range(SAMPLES):
        np.savez(folder / f"{index}.npz", x=rng.standard_normal((1, SIDE)).astype(np.float32))


def shown(row: dict[str, Any]) -> tuple[str, ...]:
    written = "yes" if row["written"] else "no"
    return (row["technique"], f"{row['peak_mb']:.0f}", f"{row['times_the_model']:.2f}", written, row["reason"][:90])


if __name__ == "__main__":
    sys.exit(main())
