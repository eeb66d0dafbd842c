"""`compsel networks`: list the networks that can be built, and export one as an ONNX file."""

import argparse
from pathlib import Path

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL
from compsel.storage.sizes import size_words

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)
    actions = parser.add_subparsers(metavar="export", dest="action")
    export = actions.add_parser("export", help="write a network as an ONNX file, its preprocessing in the metadata")
    export.add_argument("name", metavar="NAME", help="a name from the list")
    export.add_argument("--weights", metavar="FILE", help="weights file, or the word imagenet; without: random weights")
    export.add_argument("--width", type=float, metavar="W", help="factor on the channels of every layer (default 1)")
    export.add_argument("--resolution", type=int, metavar="R", help="side of the input in pixels")
    export.add_argument(
        "--classes", type=int, metavar="N", help="number of classes (default: images 1000; text none, an embedding)"
    )
    export.add_argument(
        "--pooling", choices=("mean", "cls", "none"), help="of text: how its tokens become one embedding (default mean)"
    )
    export.add_argument(
        "--tokenizer", metavar="FILE", help="of text: a tokenizer.json (default: the one beside the weights)"
    )
    export.add_argument("--seed", type=int, default=0, metavar="S", help="of random weights (default 0)")
    export.add_argument("--out", type=Path, required=True, metavar="MODEL.onnx", help="where to write it")
    # suppressed: its default would undo a --json that stands before the word export
    add_json(export, default=argparse.SUPPRESS)


def _run(arguments: argparse.Namespace) -> int:
    return _export(arguments) if arguments.action == "export" else _list(arguments.json)


def _list(json: Path | None) -> int:
    from compsel.networks import NETWORKS

    # of text, macs are those of one token, and there is no resolution
    rows = [
        {
            "name": network.name,
            "parameters": network.parameters,
            "macs": network.macs,
            "resolution": network.resolution,
            "reference": network.reference,
        }
        for network in NETWORKS.values()
    ]
    shown = ({**row, "resolution": row["resolution"] or "text"} for row in rows)
    print_table((row.values() for row in shown), header=("name", "parameters", "macs", "resolution", "checked against"))
    write_result(json, {"networks": rows})
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from compsel.models.random_weights import random_weights_warning
    from compsel.networks import NETWORKS, build, macs, parameters

    model = build(
        arguments.name,
        weights=arguments.weights,
        seed=arguments.seed,
        classes=arguments.classes,
        resolution=arguments.resolution,
        width=arguments.width,
        pooling=arguments.pooling,
        tokenizer=arguments.tokenizer,
    )
    path = model.save(arguments.out)
    of_text = NETWORKS[arguments.name].resolution is None
    if arguments.weights is None:
        TERMINAL.say(
            f"{random_weights_warning(str(path))}: give --weights FILE{'' if of_text else ', or the word imagenet'}"
        )
    elif model.preprocessing is None:
        TERMINAL.say(f"{path}: no tokenizer.json beside the weights: it takes token ids; give --tokenizer FILE")
    size = path.stat().st_size
    result = {
        "name": model.name,
        "path": str(path),
        "parameters": parameters(model),
        "macs": macs(model),
        "bytes": size,
    }
    print(
        f"{path}: {model.name}, {result['parameters']:,} parameters, {result['macs']:,} multiply-accumulates"
        f"{' a token' if of_text else ''}, {size_words(size / 1e6)}"
    )
    write_result(arguments.json, result)
    return 0


COMMAND = Command(
    name="networks",
    help="list the networks that can be built, and export one as an ONNX file",
    example="compsel networks export efficientnet-lite0 --weights imagenet --out lite0.onnx",
    arguments=_arguments,
    run=_run,
)
