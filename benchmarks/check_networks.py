"""Compare every network for images with an implementation that others wrote: same weights in, same logits out.

    pip install compsel torch==2.13.0 torchvision timm pretrainedmodels keras efficientnet-lite-pytorch six tqdm
    python benchmarks/check_networks.py [--only NAME ...] [--resolution R] [--json FILE]

The references are needed here only, best in an environment of their own. Weights are the seeded ones with batch
normalisation shaken, so that every parameter matters. Exit status 1 when a relative error exceeds 1e-4.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import numpy_helper

from compsel.cli.tables import plain_table
from compsel.models.model import Model
from compsel.networks import NETWORKS, build
from compsel.storage.files import write_json

LIMIT = 1e-4
Arrays = dict[str, np.ndarray]
IMAGE_NETWORKS = tuple(name for name, network in NETWORKS.items() if network.resolution is not None)
Reference = Callable[[str, Arrays, np.ndarray], np.ndarray]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=IMAGE_NETWORKS, default=IMAGE_NETWORKS)
    parser.add_argument("--resolution", type=int, help="where the reference takes another than its own")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    for name in arguments.only:
        for reference, error in compare(name, arguments.resolution or NETWORKS[name].resolution):
            rows.append({"name": name, "reference": reference, "relative_error": float(f"{error:.1e}")})
            print(f"{name} against {reference}: {error:.1e}", file=sys.stderr, flush=True)
    print(plain_table(([*row.values()] for row in rows), ("name", "reference", "relative error")))
    if arguments.json:
        write_json(arguments.json, {"limit": LIMIT, "networks": rows})
    return int(any(row["relative_error"] > LIMIT for row in rows))


def compare(name: str, side: int) -> Iterator[tuple[str, float]]:
    """Give every reference of a network and the largest difference of the logits over the largest logit."""
    inputs = np.random.default_rng(1).standard_normal((2, 3, side, side), np.float32)
    for reference, module in torch_references(name):
        arrays = shaken(build(name))
        yield (
            reference,
            relative(run_torch(module, arrays, inputs), run(build(name, weights=arrays, resolution=side), inputs)),
        )
    for reference, model, rename in keras_references(name):
        arrays = shaken_keras(model)
        want = np.asarray(model.predict(inputs.transpose(0, 2, 3, 1), verbose=0))
        yield reference, relative(want, run(build(name, weights=rename(arrays), resolution=side), inputs))


def relative(want: np.ndarray, got: np.ndarray) -> float:
    return float(np.abs(got - want).max() / np.abs(want).max())


def run(model: Model, inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.serialize(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input": inputs})[0])


def shaken(model: Model) -> Arrays:
    """Return the parameters with the scales, shifts and statistics of batch normalisation moved at random."""
    generator = np.random.default_rng(0)
    arrays = {t.name: numpy_helper.to_array(t).copy() for t in model.proto.graph.initializer if t.dims}
    for node in model.proto.graph.node:
        if node.op_type == "BatchNormalization":
            scale, shift, mean, variance = (arrays[key] for key in node.input[1:])
            scale *= generator.uniform(0.8, 1.2, scale.shape)
            variance *= generator.uniform(0.8, 1.2, scale.shape)
            shift += generator.normal(0, 0.1, scale.shape)
            mean += generator.normal(0, 0.1, scale.shape) * np.sqrt(variance)
    return arrays


def torch_references(name: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Give the name and the constructor of every torch implementation, parameters named as ours."""
    kind, _, version = name.partition("-")
    if name.startswith(("vgg", "resnet")):
        yield f"torchvision {name}", lambda: getattr(torchvision_models(), name)(weights=None)
    elif name == "inception-v1":
        yield "torchvision googlenet", lambda: torchvision_models().googlenet(aux_logits=False, init_weights=False)
    elif name == "inception-v2":
        torchvision_models()
        module = import_module("pretrainedmodels.models.bninception")
        yield "pretrainedmodels bninception", module.BNInception
    elif name == "inception-v3":
        yield (
            "torchvision inception_v3",
            lambda: torchvision_models().inception_v3(aux_logits=False, init_weights=False),
        )
    elif name == "inception-v4":
        torchvision_models()
        yield "timm inception_v4", import_module("timm.models.inception_v4").InceptionV4
    elif kind == "efficientnet":
        module = import_module("efficientnet_lite_pytorch")
        yield f"efficientnet-lite-pytorch {version}", lambda: module.EfficientNet.from_name(name)


def torchvision_models() -> Any:
    """Import torchvision.models where torchvision was built for another torch: its own operators are not needed."""
    library = import_module("torch").library
    library.register_fake = lambda *_, **__: lambda function: function
    return import_module("torchvision.models")


def run_torch(constructor: Callable[[], Any], arrays: Arrays, inputs: np.ndarray) -> np.ndarray:
    torch = import_module("torch")
    module = constructor().eval()
    state = {key: torch.from_numpy(value) for key, value in arrays.items()}
    counters = [key for key in module.state_dict() if key.endswith("num_batches_tracked")]
    state |= {key: torch.tensor(0) for key in counters}
    module.load_state_dict(state, strict=True)
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(inputs)).numpy())


def keras_references(name: str) -> Iterator[tuple[str, Any, Callable[[Arrays], Mapping[str, np.ndarray]]]]:
    """Give the name, the model, and what turns Keras' names into names that `build` takes."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    options = {"weights": None, "classifier_activation": None}
    if name.startswith("resnet"):
        kind = name.replace("resnet", "ResNet")
        yield f"keras {kind}", getattr(import_module("keras").applications, kind)(**options), dict
    elif name == "mobilenet-v1":
        yield "keras MobileNet", import_module("keras").applications.MobileNet(**options), mobilenet_names


def shaken_keras(model: Any) -> Arrays:
    """Give batch normalisation random numbers; return every parameter of a Keras model by name."""
    generator = np.random.default_rng(0)
    spans = {"gamma": (0.8, 1.2), "beta": (-0.1, 0.1), "moving_mean": (-0.1, 0.1), "moving_variance": (0.8, 1.2)}
    arrays = {}
    for layer in model.layers:
        for variable in layer.weights:
            if variable.name in spans:
                variable.assign(generator.uniform(*spans[variable.name], variable.shape).astype(np.float32))
            arrays[f"{layer.name}/{variable.name}"] = np.asarray(variable.numpy(), np.float32)
    return arrays


def mobilenet_names(arrays: Arrays) -> Arrays:
    """Turn Keras' names of MobileNet into timm's."""
    kinds = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
    blocks = [f"blocks.{stage}.{n}" for stage, count in enumerate((1, 2, 2, 6, 2)) for n in range(count)]
    layers = {"conv1": "conv_stem", "conv1_bn": "bn1", "conv_preds": "classifier"}
    for number, block in enumerate(blocks, start=1):
        layers |= {f"conv_dw_{number}": f"{block}.conv_dw", f"conv_dw_{number}_bn": f"{block}.bn1"}
        layers |= {f"conv_pw_{number}": f"{block}.conv_pw", f"conv_pw_{number}_bn": f"{block}.bn2"}
    result = {}
    for key, array in arrays.items():
        layer, _, kind = key.rpartition("/")
        if array.ndim == 4:
            # a depthwise kernel is (height, width, in, 1), any other (height, width, in, out)
            array = array.transpose(2, 3, 0, 1) if "_dw_" in layer else array.transpose(3, 2, 0, 1)
        if layer == "conv_preds" and array.ndim == 4:
            array = array[:, :, 0, 0]
        result[f"{layers[layer]}.{kinds.get(kind, 'bias' if kind == 'bias' else 'weight')}"] = array
    return result


if __name__ == "__main__":
    sys.exit(main())
