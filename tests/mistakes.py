"""What people type or hand over by mistake: the words, what the one line says, and the next step that it gives.

`python -m tests.mistakes` prints the line that each gets. What spoils files lies in `tests.bad_input_world`.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import answering_models
from tests.bad_input_world import (
    World,
    below_a_file,
    labels,
    made,
    make_world,
    many,
    occupied,
    without_data,
)
from tests.bad_inputs import Case, building, compress, evaluate, outcome, profile, run


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes:
        name: what is wrong.
        argv: of the command, in a world.
        says: part of the line: what was got.
        do: part of the line: what to do.
    """

    name: str
    argv: Callable[[World], list[object]]
    says: str
    do: str


def foreign(suffix: str) -> Callable[[World], list[object]]:
    """Return `compsel compress` of a file of another framework."""
    return lambda w: compress(w, w.file(f"model{suffix}", b"PK\x03\x04\x00\x01 of another framework"))


def configured(text: str, *words: object) -> Callable[[World], list[object]]:
    """Return a command with a configuration file."""
    return lambda w: [*words, "--config", w.file("mine.toml", text)]


def of_numbers(world: World) -> Path:
    """Return a model that takes a vector."""
    answering_models.model({"y": ([1], "")}).save(world.folder / "numbers.onnx")
    return world.folder / "numbers.onnx"


def by_class(world: World) -> Path:
    """Return samples in folders by class, of two classes."""
    for name in ("cat", "dog"):
        (world.folder / "by_class" / name).mkdir(parents=True)
        shutil.copy(world.photo, world.folder / "by_class" / name / "1.jpg")
    return world.folder / "by_class"


def damaged_npz(world: World) -> Path:
    """Return an archive packed by another program than NumPy, with a part of its content overwritten."""
    path = world.folder / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as packed:
        packed.writestr("x.npy", bytes(range(256)) * 20)
    content = bytearray(path.read_bytes())
    content[60:120] = bytes(range(190, 250))
    path.write_bytes(content)
    return path


MODELS = [
    Mistake("no such model", lambda w: compress(w, w.folder / "lite0.onxx"), "no such file", "give the path of"),
    Mistake("a folder for a model", lambda w: compress(w, w.samples), "a folder", "give the .onnx file in it"),
    Mistake(
        "a text for a model", lambda w: compress(w, w.file("m.onnx", "hi")), "not an ONNX model", "export it again"
    ),
    Mistake("a .pth for a model", foreign(".pth"), "a PyTorch file", "torch.onnx.export"),
    Mistake("a .pt for a model", foreign(".pt"), "a PyTorch file", "torch.onnx.export"),
    Mistake("a .h5 for a model", foreign(".h5"), "a Keras model", "tf2onnx"),
    Mistake("a .tflite for a model", foreign(".tflite"), "a TensorFlow Lite model", "tf2onnx.convert --tflite"),
    Mistake("a .safetensors for a model", foreign(".safetensors"), "weights without a network", "networks export NAME"),
    Mistake("a .pkl for a model", foreign(".pkl"), "a pickle", "skl2onnx.to_onnx"),
    Mistake("external data missing", lambda w: compress(w, without_data(w)), "external data", "keep the data file"),
]
WORDS = [
    Mistake("misspelt command", lambda w: ["evalute", w.bundle], "got command 'evalute'", "did you mean 'evaluate'?"),
    Mistake("no such command", lambda w: ["fly"], "got command 'fly'", "see compsel --help"),
    Mistake("quantise", lambda w: ["quantise", w.model], "command 'quantise'", "did you mean 'compress'?"),
    Mistake("benchmark", lambda w: ["benchmark", w.model], "command 'benchmark'", "did you mean 'perf'?"),
    Mistake("predict", lambda w: ["predict", w.model], "command 'predict'", "did you mean 'run'?"),
    Mistake(
        "technique int8",
        lambda w: compress(w, w.model, "--technique", "int8"),
        "'int8'",
        "did you mean 'int8-static' or 'int8-dynamic'",
    ),
    Mistake(
        "technique fp16", lambda w: compress(w, w.model, "--technique", "fp16"), "'fp16'", "did you mean 'float16'?"
    ),
    Mistake(
        "technique quantize",
        lambda w: compress(w, w.model, "--technique", "quantize"),
        "'quantize'",
        "did you mean 'int8-static'?",
    ),
    Mistake("processor gpu", lambda w: profile(w, processor="gpu"), "'gpu'", "did you mean 'cuda:0'? (see compsel"),
    Mistake(
        "the preprocessing of others",
        lambda w: compress(w, w.model, "--preprocess", "imagenet"),
        "got 'imagenet'",
        "did you mean 'torchvision'?",
    ),
    Mistake(
        "misspelt option",
        lambda w: ["evaluate", w.bundle, "--sampels", w.samples],
        "unknown option --sampels",
        "did you mean '--samples'?",
    ),
    Mistake(
        "shortened option",
        lambda w: ["evaluate", w.bundle, "--sampl", w.samples],
        "unknown option --sampl",
        "did you mean '--samples'?",
    ),
    Mistake(
        "shortened option of two",
        lambda w: ["run", w.bundle, w.photo, "--conf", "mine.toml"],
        "unknown option --conf",
        "did you mean '--confidence' or '--config'?",
    ),
    Mistake(
        "option with one dash",
        lambda w: ["evaluate", w.bundle, "-samples", w.samples],
        "unknown option -samples",
        "did you mean '--samples'?",
    ),
    Mistake(
        "option of another command",
        lambda w: ["evaluate", w.bundle, "--samples", w.samples, "--good-enough", "0.8"],
        "unknown option --good-enough, which compsel",
        "build",
    ),
    Mistake("missing option", lambda w: ["evaluate", w.bundle], "required: --samples", "for example compsel evaluate"),
    Mistake(
        "misspelt technique",
        lambda w: compress(w, w.model, "--technique", "int8static"),
        "got technique 'int8static'",
        "did you mean 'int8-static'?",
    ),
    Mistake(
        "misspelt option of a technique",
        lambda w: compress(w, w.model, "--technique", "prune:sparsty=0.5"),
        "got option 'sparsty=0.5'",
        "did you mean 'sparsity'?",
    ),
    Mistake("misspelt processor", lambda w: profile(w, processor="cpu1"), "processor 'cpu1'", "did you mean 'cpu:1'?"),
    Mistake("no such processor", lambda w: profile(w, processor="tpu-v4"), "processor 'tpu-v4'", "see compsel devices"),
    Mistake("more threads than cores", lambda w: ["perf", w.model, "--processor", "cpu:512"], "512", "compsel devices"),
    Mistake("misspelt state", lambda w: profile(w, state="bussy"), "state: got 'bussy'", "did you mean 'busy:1'?"),
    Mistake(
        "misspelt network",
        lambda w: ["networks", "export", "mobilnet-v1", "--out", w.out],
        "got network 'mobilnet-v1'",
        "did you mean 'mobilenet-v1'?",
    ),
    Mistake("misspelt aim", lambda w: building(w, minimize="latncy"), "got 'latncy'", "did you mean 'latency'?"),
    Mistake(
        "misspelt quality", lambda w: building(w, quality="cosin"), "allowed are fidelity, cosine", "mean 'cosine'?"
    ),
    Mistake("a file for a module", lambda w: building(w, quality="a/me.py:f"), "a/me.py:f", "name of the module, me:f"),
    Mistake("misspelt shell", lambda w: ["completion", "bsh"], "got 'bsh'", "did you mean 'bash'?"),
    Mistake(
        "a goal not understood", lambda w: building(w, goal="make it nice"), "got 'make it nice'", "understood are"
    ),
    Mistake("negative budget", lambda w: building(w, budget=-5), "--budget: got -5", "allowed is a number of seconds"),
    Mistake("no time at all", lambda w: ["perf", w.model, "--seconds", "0"], "--seconds: got 0", "allowed is a number"),
    Mistake("none of the classes", lambda w: run(w, w.photo, "--top", 0), "--top: got 0", "allowed is 1 or more"),
]
PLACES = [
    Mistake(
        "build: output exists",
        lambda w: building(w, samples=many(w), out=occupied(w)),
        "is there already",
        "give --replace",
    ),
    Mistake(
        "train: output exists, and no profile",
        lambda w: ["train", w.folder, "--out", occupied(w)],
        "has no profile.json",
        "compsel profile",
    ),
    Mistake(
        "train: a bundle as profile",
        lambda w: ["train", w.bundle, "--out", w.folder / "new"],
        "has no profile.json, it is a bundle",
        "give what its build measured",
    ),
    Mistake(
        "train: no such folder",
        lambda w: ["train", w.folder / "prfile", "--out", w.folder / "new"],
        "has no profile.json, it is no folder",
        "check the path",
    ),
    Mistake("port: output exists", lambda w: ["port", w.bundle, "--out", occupied(w)], "there already", "--replace"),
    Mistake(
        "a place below a file",
        lambda w: building(w, samples=many(w), out=below_a_file(w)),
        "cannot write",
        "choose another place",
    ),
    Mistake(
        "--json into a folder", lambda w: run(w, w.photo, "--json", w.samples), "it is a folder", "choose another name"
    ),
]
INPUTS = [
    Mistake("nothing to answer", lambda w: ["run", w.bundle], "got no inputs", "give paths of images"),
    Mistake("empty folder of samples", lambda w: evaluate(w, made(w.folder / "e")), "has no samples", "give a folder"),
    Mistake("empty folder to answer", lambda w: run(w, made(w.folder / "e")), "has no inputs", "allowed are files"),
    Mistake("no such folder", lambda w: evaluate(w, w.folder / "vall"), "no such file or folder", "give a folder"),
    Mistake(
        "label out of range", lambda w: evaluate(w, labels(w, "file,label\n0.png,10\n")), "10", "allowed are 0 to 9"
    ),
    Mistake(
        "no such column",
        lambda w: ["student", "--samples", w.file("t.csv", "text,label\na,1\n"), "--label", "intent", "--out", w.out],
        "intent",
        "got columns",
    ),
    Mistake(
        "no such column beside the files",
        lambda w: ["evaluate", w.bundle, "--samples", w.samples, "--label", "labl"],
        "got columns ['file', 'label'], needed is 'labl'",
        "did you mean 'label'?",
    ),
    Mistake(
        "the column of files for that of labels",
        lambda w: ["evaluate", w.bundle, "--samples", w.samples, "--label", "file"],
        "got columns ['file', 'label']",
        "'file' holds something else",
    ),
    Mistake(
        "texts for a model of pictures",
        lambda w: [*compress(w, w.model), "--samples", w.file("t.csv", "text,label\nhi,1\nbye,2\n")],
        "model takes pictures, got 2 texts",
        "--file COLUMN",
    ),
    Mistake(
        "texts for a bundle of pictures",
        lambda w: evaluate(w, w.file("t.csv", "text,label\nhi,1\nbye,2\n")),
        "this bundle takes pictures, got 2 texts",
        "give a folder of images",
    ),
    Mistake(
        "pictures for a model of tensors",
        lambda w: [*compress(w, of_numbers(w)), "--samples", w.samples],
        "numbers takes tensors, got 6 images",
        "an .npz with a sample a row",
    ),
    Mistake(
        "folders of some of the classes, for a bundle that names none",
        lambda w: evaluate(w, by_class(w)),
        "this bundle has 10 outputs and no names of classes, the samples name 2 classes",
        "a labels.txt beside the samples",
    ),
    Mistake("image without a byte", lambda w: run(w, w.file("empty.jpg", "")), "it has no bytes", "get the file again"),
    Mistake("no bundle", lambda w: ["run", w.samples, w.photo], "is not a bundle", "compsel build"),
    Mistake("a damaged .npz", lambda w: run(w, w.file("x.npz", "hi")), "x.npz", "numpy.savez"),
    Mistake("an .npz damaged inside", lambda w: run(w, damaged_npz(w)), "x.npz", "numpy.savez"),
    Mistake("no such meter", lambda w: building(w, meter="watts"), "watts", "compsel devices"),
]
CONFIGURATION = [
    Mistake(
        "misspelt key",
        configured("[evaluate]\nrepeat = 3\n", "evaluate"),
        "[evaluate]: got option 'repeat'",
        "did you mean 'repeats'?",
    ),
    Mistake("misspelt section", configured("[bulid]\n", "evaluate"), "got section [bulid]", "did you mean 'build'?"),
    Mistake(
        "a text for a number",
        configured('[evaluate]\nrepeats = "many"\n', "evaluate"),
        "repeats: invalid int value: 'many'",
        "see compsel evaluate --help",
    ),
    Mistake("not TOML", configured("[evaluate\n", "evaluate"), "not TOML", "write texts in quotes"),
    Mistake("no such file", lambda w: ["devices", "--config", "no.toml"], "no such file", "give the path of a TOML"),
]
MISTAKES = [*MODELS, *WORDS, *PLACES, *INPUTS, *CONFIGURATION]


def line_of(mistake: Mistake, world: World) -> tuple[int, str]:
    """Return the exit status, and what was printed on standard error."""
    status, errors, _ = outcome(Case(mistake.name, mistake.argv, mistake.says), world)
    return status, errors


def table() -> str:
    """Return what each mistake prints, as a Markdown table."""
    lines = ["| mistake | what was typed | the line | exit status |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        good = make_world(Path(tempfile.mkdtemp(dir=folder)))
        for number, mistake in enumerate(MISTAKES):
            world = World(Path(shutil.copytree(good.folder, Path(folder) / str(number))))
            typed = " ".join(map(str, mistake.argv(World(Path(shutil.copytree(good.folder, Path(folder) / "typed"))))))
            shutil.rmtree(Path(folder) / "typed")
            status, errors = line_of(mistake, world)
            cells = [mistake.name, f"`compsel {typed}`", f"`{errors.strip()}`"]
            texts = (cell.replace(str(world.folder), "W").replace(f"{folder}/typed", "W") for cell in cells)
            lines.append(f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} | {status} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
