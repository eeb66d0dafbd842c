"""What an app pays for compsel beside bare sessions of ONNX Runtime, in parts that can be run alone.

    python benchmarks/serving.py BUNDLE INPUT [--json FILE] [--part start --part memory ...]

INPUT is what an app gives to a call: the path of an image, a text, or the path of an `.npz` of tensors. Each part
interleaves compsel and the bare sessions of the variants that answered, and states ratios of medians with a 95 %
interval. `--beside SRC` measures another checkout of compsel (its `src`) in the same turns, where a part starts
processes.
"""

import argparse
import json
from importlib import import_module
from pathlib import Path

from serving_parts.comparison import Options, described_machine, table_of

# what stands for a part: a module of `serving_parts` with a function `measure(options: Options) -> Part`
PARTS = ("start", "memory", "dispatch", "threads", "batches", "map", "asyncio")
_MODULES = {"asyncio": "asyncio_calls", "map": "many_inputs"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("input")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--part", action="append", choices=PARTS, help="may be given several times; default: all")
    parser.add_argument("--rounds", type=int, help="how often each side is measured; default: as the part needs")
    parser.add_argument("--beside", type=Path, help="`src` of another checkout, measured in the same turns")
    arguments = parser.parse_args()
    options = Options(arguments.bundle, arguments.input, arguments.rounds, arguments.beside)
    result = {"bundle": arguments.bundle.name, "machine": described_machine(), "parts": {}}
    print(json.dumps(result["machine"]))
    for name in arguments.part or PARTS:
        part = import_module(f"serving_parts.{_MODULES.get(name, name)}").measure(options)
        result["parts"][name] = part.to_dict()
        print(f"\n{name}: {part.what}\n{table_of(part)}", flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
