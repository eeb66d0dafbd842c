"""Every bad input that a command may meet, as one table: what is wrong, the command line, what the one line says.

`python -m tests.bad_inputs` prints it as Markdown, with the line that each prints and its exit status.
"""

import io
import shutil
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from compsel.bundle.manifest import MANIFEST
from compsel.cli.main import main
from tests.bad_input_world import (
    World,
    below_a_file,
    bomb,
    bundle,
    labels,
    made,
    make_world,
    many,
    newer,
    occupied,
    spoilt_sample,
    tensor_model,
    tensors,
    truncated,
    unknown_operator,
    unlisted_processor,
    without_data,
)

BAD_INPUT = 2


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes:
        name: what is wrong.
        argv: of the command, in a world.
        says: part of the line that it must print.
        after_progress: whether it is found while work is under way, so that lines about progress come before.
        keeps: whether what was made before stays for the next try (variants, measurements).
    """

    name: str
    argv: Callable[[World], list[object]]
    says: str
    after_progress: bool = False
    keeps: bool = False


def profile(world: World, **changes: object) -> list[object]:
    """Return a short `compsel profile`; changes replace or add options."""
    options: dict[str, object] = {
        "samples": world.samples,
        "out": world.out,
        "technique": "none",
        "processor": "cpu:1",
        "state": "idle",
        "calibration": 2,
        "budget": 0.2,
    }
    models = changes.pop("models", [world.model])
    assert isinstance(models, list)
    pairs = [(f"--{name.replace('_', '-')}", value) for name, value in (options | changes).items() if value is not None]
    return ["profile", *models, *(word for pair in pairs for word in pair)]


def building(world: World, **changes: object) -> list[object]:
    """Return a short `compsel build`."""
    return ["build", *profile(world, **changes)[1:]]


def run(world: World, image: object, *more: object) -> list[object]:
    """Return `compsel run` on one image."""
    return ["run", world.bundle, image, *more]


def evaluate(world: World, samples: object, *more: object) -> list[object]:
    """Return `compsel evaluate` on samples."""
    return ["evaluate", world.bundle, "--samples", samples, "--repeats", 1, *more]


def compress(world: World, model: object, *more: object) -> list[object]:
    """Return `compsel compress` of one model."""
    return ["compress", model, "--technique", "none", "--out", world.out, *more]


MODELS = [
    Case("model: no such file", lambda w: compress(w, w.folder / "absent.onnx"), "no such file"),
    Case("model: a folder", lambda w: compress(w, w.samples), "give the .onnx file in it"),
    Case("model: not ONNX", lambda w: compress(w, w.file("text.onnx", "hello")), "not an ONNX model"),
    Case("model: empty", lambda w: compress(w, w.file("empty.onnx", "")), "not an ONNX model"),
    Case("model: a JPEG", lambda w: compress(w, w.photo), "not an ONNX model"),
    Case("model: truncated", lambda w: compress(w, truncated(w.model, w)), "truncated"),
    Case("model: external data missing", lambda w: compress(w, without_data(w)), "keep the data file beside the model"),
    Case(
        "model: operator that the runtime lacks",
        lambda w: profile(w, models=[unknown_operator(w)], samples=tensors(w)),
        "Levitate",
        True,
        True,
    ),
    Case(
        "model: takes tensors, samples are images",
        lambda w: profile(w, models=[tensor_model(w)]),
        "say what it expects: --preprocess",
        True,
        True,
    ),
    Case("profile: model is not ONNX", lambda w: profile(w, models=[w.photo]), "not an ONNX model"),
    Case("build: model is truncated", lambda w: building(w, models=[truncated(w.model, w)]), "truncated"),
    Case("profile: two models of one name", lambda w: profile(w, models=[w.model, w.model]), "a name of its own"),
]

IMAGES = [
    Case("image: no such file", lambda w: run(w, "absent.jpg"), "no such file"),
    Case("image: a folder without images", lambda w: run(w, made(w.folder / "empty")), "has no inputs of this bundle"),
    Case("image: empty", lambda w: run(w, w.file("empty.jpg", "")), "empty"),
    Case("image: not an image", lambda w: run(w, w.file("text.png", "hello")), "not an image"),
    Case("image: truncated JPEG", lambda w: run(w, truncated(w.photo, w)), "truncated"),
    Case("image: truncated PNG", lambda w: run(w, truncated(w.samples / "0.png", w)), "truncated"),
    Case("image: decompression bomb", lambda w: run(w, w.file("bomb.png", bomb())), "too large"),
    Case("image: an ONNX file", lambda w: run(w, w.model), "not an image"),
    Case("demo: image that is not there", lambda w: ["demo", "absent.jpg", "--out", w.out], "no such file"),
]

SAMPLES = [
    Case("samples: no such folder", lambda w: evaluate(w, w.folder / "absent"), "no such file or folder"),
    Case("samples: a file", lambda w: evaluate(w, w.photo), "has no samples"),
    Case("samples: empty folder", lambda w: evaluate(w, made(w.folder / "empty")), "has no samples"),
    Case("labels.csv: empty", lambda w: evaluate(w, labels(w, "")), "needed is 'file'"),
    Case("labels.csv: no rows", lambda w: evaluate(w, labels(w, "file,label\n")), "has no rows"),
    Case(
        "labels.csv: other columns",
        lambda w: evaluate(w, labels(w, "a,b\n0,1\n")),
        "needed is 'file'",
    ),
    Case("labels.csv: binary", lambda w: evaluate(w, labels(w, b"\xff\xfe\x00\x01")), "labels.csv"),
    Case("labels.csv: quote that never ends", lambda w: evaluate(w, labels(w, 'file,label\n"0.png,1\n')), "labels.csv"),
    Case(
        "labels.csv: label that is no whole number",
        lambda w: evaluate(w, labels(w, "file,label\n0.png,0.5\n")),
        "line 2: got label '0.5'",
    ),
    Case(
        "labels.csv: two columns that could be the labels",
        lambda w: evaluate(w, labels(w, "file,class,species\n0.png,1,2\n")),
        "name one: --label class",
    ),
    Case("labels.csv: negative label", lambda w: evaluate(w, labels(w, "file,label\n0.png,-1\n")), "got label '-1'"),
    Case("labels.csv: label missing", lambda w: evaluate(w, labels(w, "file,label\n0.png\n")), "line 2"),
    Case(
        "labels.csv: file that is not there",
        lambda w: evaluate(w, labels(w, "file,label\nx.png,1\n")),
        "none is there: x.png",
    ),
    Case("labels.csv: file outside", lambda w: evaluate(w, labels(w, "file,label\n../photo.jpg,1\n")), "outside"),
    Case("labels.csv: file twice", lambda w: evaluate(w, labels(w, "file,label\n0.png,1\n0.png,2\n")), "twice"),
    Case(
        "evaluate: label out of range",
        lambda w: evaluate(w, labels(w, "file,label\n0.png,10\n")),
        "allowed are 0 to 9",
        True,
    ),
    Case(
        "profile: label out of range",
        lambda w: profile(w, samples=labels(w, "file,label\n0.png,10\n")),
        "10",
        True,
        True,
    ),
    Case("samples: one image truncated", lambda w: evaluate(w, spoilt_sample(w), "--strict"), "3.png", True),
    Case("part: not I/N", lambda w: evaluate(w, w.samples, "--part", "half"), "allowed are I/N"),
    Case("part: I above N", lambda w: evaluate(w, w.samples, "--part", "3/2"), "allowed are I/N"),
    Case("part: nothing left", lambda w: evaluate(w, w.samples, "--part", "!1/1"), "holds no samples"),
    Case("evaluate: no repeats", lambda w: evaluate(w, w.samples, "--repeats", "0"), "allowed is 1 or more"),
]

BUNDLES = [
    Case("bundle: no such folder", lambda w: ["run", w.folder / "absent", w.photo], "is not a bundle"),
    Case("bundle: folder of something else", lambda w: ["run", w.samples, w.photo], "is not a bundle"),
    Case(
        "bundle: changed file",
        lambda w: ["run", bundle(w, lambda b: (b / "policies.json").write_text("{}")), w.photo],
        "policies.json was changed",
    ),
    Case(
        "bundle: changed weights",
        lambda w: [
            "evaluate",
            bundle(w, lambda b: next((b / "variants").glob("*.weights")).write_bytes(b"")),
            "--samples",
            w.samples,
        ],
        "was changed",
    ),
    Case(
        "bundle: missing file",
        lambda w: ["run", bundle(w, lambda b: (b / "costs.json").unlink()), w.photo],
        "costs.json is missing",
    ),
    Case(
        "bundle: foreign file",
        lambda w: ["run", bundle(w, lambda b: (b / "virus.sh").write_text("")), w.photo],
        "virus.sh is not in the manifest",
    ),
    Case("bundle: newer format", lambda w: ["run", bundle(w, newer), w.photo], "install a newer compsel"),
    Case(
        "bundle: manifest is garbage",
        lambda w: ["run", bundle(w, lambda b: (b / MANIFEST).write_bytes(b"\xff{")), w.photo],
        "cannot be read",
    ),
    Case("bundle: processor that is not here", lambda w: ["run", bundle(w, unlisted_processor), w.photo], "cpu:512"),
    Case(
        "run: names of another number of classes",
        lambda w: run(w, w.photo, "--labels", w.file("l", "a\nb\n")),
        "has 2 names",
    ),
    Case("run: names that are not there", lambda w: run(w, w.photo, "--labels", "absent.txt"), "absent.txt"),
    Case("run: deadline of nothing", lambda w: run(w, w.photo, "--deadline", "0"), "allowed is a time above 0"),
    Case("run: negative deadline", lambda w: run(w, w.photo, "--deadline", "-3"), "allowed is a time above 0"),
    Case("run: deadline in words", lambda w: run(w, w.photo, "--deadline", "soon"), "invalid float value: 'soon'"),
    Case("run: quality above 1", lambda w: run(w, w.photo, "--min-quality", "90"), "fraction from 0 to 1"),
]

PLACES = [
    Case("run: --json below a file", lambda w: run(w, w.photo, "--json", below_a_file(w)), "cannot write"),
    Case("--json on a folder", lambda w: run(w, w.photo, "--json", w.samples), "cannot write"),
    Case("--json on a full disk", lambda w: run(w, w.photo, "--json", "/dev/full"), "no space is left"),
    Case(
        "run: --json in /proc",
        lambda w: run(w, w.photo, "--json", "/proc/compsel/x.json"),
        "cannot write /proc/compsel",
    ),
    Case("compress: out below a file", lambda w: [*compress(w, w.model)[:-1], below_a_file(w)], "cannot write"),
    Case("profile: out below a file", lambda w: profile(w, out=below_a_file(w)), "cannot write", True),
    Case("build: out below a file", lambda w: building(w, samples=many(w), out=below_a_file(w)), "cannot write", True),
    Case(
        "build: out is there already",
        lambda w: building(w, samples=many(w), out=occupied(w)),
        "is there already and not empty",
    ),
    Case(
        "train: no profile, and out is there already",
        lambda w: ["train", w.folder, "--out", occupied(w)],
        "has no profile.json",
    ),
    Case(
        "networks: out below a file",
        lambda w: ["networks", "export", "mobilenet-v1", "--width", 0.25, "--out", below_a_file(w)],
        "cannot write",
    ),
]

WORDS = [
    Case("technique: unknown", lambda w: compress(w, w.model, "--technique", "magic"), "magic"),
    Case("technique: option out of range", lambda w: compress(w, w.model, "--technique", "prune:2"), "prune"),
    Case("technique: option in words", lambda w: compress(w, w.model, "--technique", "resolution:big"), "big"),
    Case(
        "compress: two models of one name",
        lambda w: ["compress", w.model, w.model, "--out", w.out],
        "would have the same files",
    ),
    Case(
        "compress: no calibration samples", lambda w: compress(w, w.model, "--calibration", "0"), "allowed is 1 or more"
    ),
    Case("profile: unknown technique", lambda w: profile(w, technique="magic"), "magic"),
    Case("processor: unknown", lambda w: profile(w, processor="gpu"), "processor 'gpu': allowed are"),
    Case("processor: no threads", lambda w: profile(w, processor="cpu:0"), "processor 'cpu:0': allowed are"),
    Case("processor: not available", lambda w: profile(w, processor="cpu:512"), "cpu:512"),
    Case("state: unknown", lambda w: profile(w, state="asleep"), "allowed are idle, busy:N"),
    Case("state: without a number", lambda w: profile(w, state="busy:many"), "allowed are idle, busy:N"),
    Case("profile: negative budget", lambda w: profile(w, budget="-5"), "allowed is a number of seconds above 0"),
    Case(
        "profile: budget that is no number",
        lambda w: profile(w, budget="nan"),
        "allowed is a number of seconds above 0",
    ),
    Case("build: no calibration samples", lambda w: building(w, calibration=0), "allowed is 1 or more"),
    Case(
        "demo: negative budget",
        lambda w: ["demo", "--budget", "-1", "--out", w.out],
        "allowed is a number of seconds above 0",
    ),
    Case("objective: unknown", lambda w: building(w, minimize="beauty"), "allowed are latency, energy"),
    Case(
        "objective: energy, which was not measured",
        lambda w: building(w, minimize="energy"),
        "no energy was measured, for want of a meter",
    ),
    Case("objective: a goal not understood", lambda w: building(w, goal="nice"), "understood are"),
    Case("objective: loss above 1", lambda w: building(w, max_loss="3"), "fraction from 0 to 1"),
    Case(
        "objective: negative loss",
        lambda w: ["train", w.folder, "--out", w.out, "--max-loss", "-0.1"],
        "fraction from 0 to 1",
    ),
    Case("objective: quality above 1", lambda w: building(w, min_quality="7"), "fraction from 0 to 1"),
    Case("objective: negative penalty", lambda w: building(w, penalty="-1"), "allowed is a cost above 0"),
    Case("train: not a profile", lambda w: ["train", w.samples, "--out", w.out], "profile.json"),
    Case("train: no such folder", lambda w: ["train", w.folder / "absent", "--out", w.out], "profile.json"),
    Case("build: fewer than 20 samples", building, "needed are at least 20", True, True),
    Case("demo: no training data", lambda w: ["demo", "--training-data", w.samples, "--out", w.out], "profile.json"),
    Case("networks: unknown name", lambda w: ["networks", "export", "lenet", "--out", w.out], "lenet"),
    Case(
        "networks: no such weights",
        lambda w: ["networks", "export", "mobilenet-v1", "--weights", "absent.npz", "--out", w.out],
        "absent.npz",
    ),
    Case(
        "networks: no pixels",
        lambda w: ["networks", "export", "mobilenet-v1", "--resolution", "0", "--out", w.out],
        "resolution",
    ),
    Case(
        "networks: negative width",
        lambda w: ["networks", "export", "mobilenet-v1", "--width", "-1", "--out", w.out],
        "width",
    ),
    Case(
        "networks: no classes",
        lambda w: ["networks", "export", "mobilenet-v1", "--classes", "0", "--out", w.out],
        "classes",
    ),
    Case("unknown command", lambda w: ["compres"], "did you mean 'compress'?"),
    Case("unknown option", lambda w: ["devices", "--fast"], "got the unknown option --fast"),
    Case("missing arguments", lambda w: ["evaluate"], "required: BUNDLE, --samples"),
    Case("missing value", lambda w: ["devices", "--json"], "expected one argument"),
]

CASES = [*MODELS, *IMAGES, *SAMPLES, *BUNDLES, *PLACES, *WORDS]


def outcome(case: Case, world: World) -> tuple[int, str, str]:
    """Run a case in this process; return its status and what it printed on standard error and output."""
    errors, output = io.StringIO(), io.StringIO()
    with redirect_stderr(errors), redirect_stdout(output):
        status = main([str(word) for word in case.argv(world)])
    return status, errors.getvalue(), output.getvalue()


def table() -> str:
    """Return what each case prints, as a Markdown table."""
    lines = ["| bad input | line printed | exit status |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        good = make_world(Path(tempfile.mkdtemp(dir=folder)))
        for number, case in enumerate(CASES):
            place = Path(shutil.copytree(good.folder, Path(folder) / str(number)))
            status, errors, _ = outcome(case, World(place))
            line = errors.strip().splitlines()[-1].replace(str(place), "...").replace("|", "\\|")
            lines.append(f"| {case.name} | `{line}` | {status} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
