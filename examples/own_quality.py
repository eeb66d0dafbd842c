"""A detection model, judged by an own quality function: how far the box overlaps the true one (IoU).

    python examples/own_quality.py

The model finds one bright rectangle in a noisy picture and gives its box; no classes, so compsel cannot know what is
right: `quality=iou` says it, from 0 to 1, and `good_enough=0.7` is where an answer counts as right. Its confidence (how
sure a first stage is) is an own function too. Prints what each choice takes and how good its boxes are, and what ships.
"""

import tempfile
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import compsel

SIDE = 96


def detector(name: str, stride: int, channels: int) -> compsel.Model:
    """Smooth, compare with a threshold, and read where the marked rows and columns begin and end.

    Args:
        name: of the model.
        stride: of the smoothing: the cheap model looks at every fourth place.
        channels: of the smoothing, averaged; they cost time.
    """
    size, cells = 9, SIDE // stride
    smooth = np.full((channels, 1, size, size), 1 / size**2)
    place = (np.arange(cells) * stride + stride / 2).reshape(1, cells)
    weights = {"smooth": smooth, "mean": np.full((1, channels, 1, 1), 1 / channels), "place": place}
    weights |= {"half": np.float32(0.45), "steep": np.float32(24), "tiny": np.float32(1e-3), "one": np.float32(stride)}
    nodes = [
        ("Conv", ["image", "smooth"], ["smoothed"], {"pads": [4] * 4, "strides": [stride] * 2}),
        ("Conv", ["smoothed", "mean"], ["map"], {}),
        ("Sub", ["map", "half"], ["above"], {}),
        ("Mul", ["above", "steep"], ["steeper"], {}),
        ("Sigmoid", ["steeper"], ["marked"], {}),
    ]
    for axis, over in (("x", 2), ("y", 3)):
        nodes += [
            ("ReduceMax", ["marked"], [f"most_{axis}"], {"axes": [1, over], "keepdims": 0}),
            ("ReduceSum", [f"most_{axis}"], [f"cells_{axis}"], {"keepdims": 1}),
            ("Mul", [f"most_{axis}", "place"], [f"weighted_{axis}"], {}),
            ("ReduceSum", [f"weighted_{axis}"], [f"sum_{axis}"], {"keepdims": 1}),
            ("Add", [f"cells_{axis}", "tiny"], [f"some_{axis}"], {}),
            ("Div", [f"sum_{axis}", f"some_{axis}"], [f"centre_{axis}"], {}),
            ("Mul", [f"cells_{axis}", "one"], [f"size_{axis}"], {}),
        ]
    nodes.append(("ReduceMax", ["map"], ["peak"], {"axes": [1, 2], "keepdims": 0}))
    nodes.append(("ReduceMax", ["peak"], ["brightest"], {"axes": [1], "keepdims": 1}))
    nodes.append(("Concat", ["centre_x", "centre_y", "size_x", "size_y", "brightest"], ["box"], {"axis": 1}))
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, outputs, **options) for kind, inputs, outputs, options in nodes],
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("box", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(np.asarray(value, np.float32), key) for key, value in weights.items()],
    )
    return compsel.Model(name, helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8))


def pictures(count: int, seed: int) -> compsel.ArraySamples:
    """One bright rectangle each, sharper or fainter; the target is its box: centre x, y, width, height."""
    generator, images, boxes = np.random.default_rng(seed), [], []
    for _ in range(count):
        image = generator.normal(0.1, generator.uniform(0.05, 0.5), (1, 1, SIDE, SIDE))
        width, height = generator.integers(14, 50, 2)
        left, top = generator.integers(0, SIDE - width), generator.integers(0, SIDE - height)
        image[0, 0, top : top + height, left : left + width] += 0.7
        images.append({"image": image.astype(np.float32)})
        boxes.append(np.array([left + width / 2, top + height / 2, width, height]))
    return compsel.ArraySamples(images, targets=boxes)


def iou(outputs: list[np.ndarray], target: np.ndarray) -> float:
    """Intersection over union of the box that was found and the true one."""
    (x, y, width, height), (tx, ty, twidth, theight) = outputs[0][0, :4], target
    across = max(0.0, min(x + width / 2, tx + twidth / 2) - max(x - width / 2, tx - twidth / 2))
    down = max(0.0, min(y + height / 2, ty + theight / 2) - max(y - height / 2, ty - theight / 2))
    union = width * height + twidth * theight - across * down
    return float(np.clip(across * down / max(union, 1e-6), 0, 1))


def main() -> None:
    models = [detector("fine", 1, 32), detector("coarse", 4, 1)]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bundle"
        options = {"technique": ["none"], "processor": "cpu:1", "state": "idle", "budget": 1}
        judged = {"quality": iou, "good_enough": 0.7}
        built = compsel.build(models, pictures(200, 0), out, penalty=2, no_floor=True, **options, **judged)
        for row in compsel.Profile.load(f"{out}.work").to_frame("choices").itertuples():
            print(f"{row.variant}: {row.mean_ms:.3f} ms, mean IoU {row.quality:.3f}")
        print(built)
        others = pictures(100, 1)
        with compsel.load(out) as runtime:
            answers = [runtime(sample.value) for sample in others]
        found = [iou(answer.outputs, others.target(number)) for number, answer in enumerate(answers)]
        print(f"100 other pictures: mean IoU {np.mean(found):.3f}, {np.mean(np.array(found) >= 0.7):.0%} at least 0.7")


if __name__ == "__main__":
    main()
