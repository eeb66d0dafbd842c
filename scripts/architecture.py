"""Architecture rules that no linter has; prints what breaks them and fails. Run by `scripts/check`.

- Nothing imports upwards (`LAYERS`), neither at the top of a module nor inside a function.
- No module lies at the top of the package beside `TOP_MODULES`.
- What an app needs to run a bundle imports nothing heavy, directly or through other modules.
- No file of code is longer than `MOST_LINES`; what ships beside the code stays below `MOST_SHIPPED_BYTES`.
- Long files and functions give a reason, and no public class name stands twice (`code_size`).
- Nothing reads a pickle, and nothing names a folder of somebody's machine.

    scripts/architecture.py --layers    the layers as the table of CONTRIBUTING.md
    scripts/architecture.py --sizes     what is too large, and class names that stand twice, as a table
"""

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from code_size import excesses, repeated_classes

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
MOST_LINES = 400
MOST_SHIPPED_BYTES = 20_000_000

# whether what `--sizes` lists fails the check
SIZES_ARE_ENFORCED = True

# Lowest first: each may import what stands before it. The one list of layers: rules, tests and CONTRIBUTING.md use it.
LAYERS = {
    "errors": "one tree of exceptions",
    "values": "dataclasses that are cheap to define",
    "extending": "modules of others that add techniques and processors",
    "progress": "how long work reports: counted loops and messages",
    "markup": "small pieces of HTML for notebooks",
    "storage": "files that are written whole or not at all; Parquet tables; checkpointed loops",
    "parallel": "where work runs: processes of this machine, Dask or Ray; work cut in shards",
    "isolation": "work in a process of its own, whose end is an error",
    "inputs": "what a model is fed: decoding, preprocessing, samples",
    "models": "an ONNX graph: open, inspect, edit",
    "device": "the machine: state, fingerprint, energy meters",
    "processors": "where inference can run: discovery, threads, sessions",
    "networks": "networks that can be built, and readers of their weights",
    "features": "numbers that describe an input, and numbers that describe an answer",
    "techniques": "ways to compress a model, one a file",
    "variants": "compressed models on disk: written, verified, opened",
    "profiling": "measured quality, latency, energy and memory",
    "selection": "objective, costs, selectors and cascades, their training and export",
    "bundle": "the folder that an app ships: write, check, load",
    "runtime": "answers inferences from a bundle, and adapts to the device",
    "telemetry": "what a runtime did, for Prometheus and OpenTelemetry",
    "evaluation": "comparison with baselines and the oracle; characterisation; report",
    "serving": "a bundle behind HTTP: local page, Open Inference Protocol, metrics",
    "building": "measure, train, build, search and port as one call each",
    "fleet": "records of many devices: taken in, merged, learned from, compared, released",
    "notebook": "what a notebook shows: a decision as a picture",
    "cli": "the command line, one file a command",
    "__main__": "`python -m compsel`",
}
TOP_MODULES = {"__init__", "__main__", "errors"}
# what starts an app: `import compsel; compsel.load(...)`, and an image from a file
# (what is imported by name, when it is looked up, stands here too)
LIGHT = (
    "compsel",
    "compsel.runtime.loading",
    "compsel.runtime.runtime",
    "compsel.bundle.bundle",
    "compsel.features.image",
    "compsel.inputs.image",
    "compsel.inputs.imagenet_classes",
    "compsel.inputs.images.decoding",
    "compsel.inputs.images.formats.bmp",
    "compsel.inputs.images.formats.gif",
    "compsel.inputs.images.formats.jpeg",
    "compsel.inputs.images.formats.png",
    "compsel.inputs.images.formats.tiff",
    "compsel.inputs.images.formats.webp",
    "compsel.inputs.text",
    "compsel.profiling.output_quality",
    "compsel.selection.export.onnx_selector",
    "compsel.selection.policies.certified",
    "compsel.selection.policies.selector",
)
HEAVY = {
    "joblib",
    "matplotlib",
    "onnx",
    "onnxmltools",
    "opentelemetry",
    "pandas",
    "prometheus_client",
    "pyarrow",
    "scipy",
    "skimage",
    "skl2onnx",
    "sklearn",
    "sympy",
    "tokenizers",
    "torch",
    "xgboost",
}
# put together here, so that this file does not break its own rule
MACHINE_PATHS = re.compile("/(?:" + "|".join(["root", "tmp", "work"]) + ")/")
PICKLE = re.compile("allow_" + r"pickle\s*=\s*True")
TEXT_SUFFIXES = {"", ".cfg", ".csv", ".json", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}


@dataclass(frozen=True)
class Import:
    """One import of a module: where it stands, what it names, and whether it runs when the module is loaded."""

    path: Path
    line: int
    target: str
    on_load: bool

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def module_of(path: Path) -> str:
    """Return the dotted name of a file under `SOURCE`."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_imports(path: Path, modules: dict[str, Path]) -> Iterator[Import]:
    """Give every import in a file except those for type checkers only."""

    def walk(node: ast.AST, on_load: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from (Import(path, child.lineno, alias.name, on_load) for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module:
                for alias in child.names:
                    full = f"{child.module}.{alias.name}"
                    yield Import(path, child.lineno, full if full in modules else child.module, on_load)
            else:
                yield from walk(child, on_load and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)))

    return walk(ast.parse(path.read_text(encoding="utf-8")), True)


def layer_of(module: str) -> str | None:
    """Return the layer of a module; None where it has none."""
    name = module.removeprefix("compsel.")
    return next((layer for layer in LAYERS if name == layer or name.startswith(f"{layer}.")), None)


def upward_imports(modules: dict[str, Path], imports: dict[str, list[Import]]) -> Iterator[str]:
    """Give every import of a layer above, and every module without a layer."""
    order = list(LAYERS)
    for module, path in modules.items():
        layer = layer_of(module)
        if module == "compsel":
            continue  # the public names: they point at every layer, and are loaded when they are used
        if layer is None:
            yield f"{path.relative_to(ROOT)}: has no place in LAYERS of scripts/architecture.py: give it one"
            continue
        for found in imports[module]:
            other = layer_of(found.target) if found.target in modules else None
            if other is not None and order.index(other) > order.index(layer):
                yield f"{found}: {layer} imports {found.target}, which stands above it"


def stray_modules() -> Iterator[str]:
    """Give every module that lies at the top of the package and has its place in a folder."""
    for path in sorted((SOURCE / "compsel").glob("*.py")):
        if path.stem not in TOP_MODULES:
            yield f"{path.relative_to(ROOT)}: allowed at the top are {', '.join(sorted(TOP_MODULES))}: give it a folder"


def heavy_imports(modules: dict[str, Path], imports: dict[str, list[Import]]) -> Iterator[str]:
    """Follow what the light modules load, and the packages around it."""
    pending, seen = [(name, (name,)) for name in LIGHT], set(LIGHT)
    while pending:
        module, way = pending.pop()
        for found in imports[module]:
            if not found.on_load:
                continue
            if found.target.partition(".")[0] in HEAVY:
                yield f"{found}: {found.target} is heavy, and is loaded by {' -> '.join(way)}"
            parts = found.target.split(".")
            for name in (".".join(parts[:count]) for count in range(1, len(parts) + 1)):
                if name in modules and name not in seen:
                    seen.add(name)
                    pending.append((name, (*way, name)))


def tracked_files() -> list[Path]:
    """Return the files of the project: neither environments nor what was built."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode:  # not a checkout: an unpacked archive
        return [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def bad_files(files: list[Path]) -> Iterator[str]:
    """Give what is too long or too large, and words that may not stand in a file."""
    shipped = 0
    for path in files:
        name = path.relative_to(ROOT)
        if name.parts[0] in ("training_data", "pretrained"):
            shipped += path.stat().st_size
        if path.suffix not in TEXT_SUFFIXES:
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if path.suffix == ".py" and len(lines) > MOST_LINES:
            yield f"{name}: {len(lines)} lines, allowed are {MOST_LINES}: one concept a file"
        for number, line in enumerate(lines, start=1):
            if MACHINE_PATHS.search(line):
                yield f"{name}:{number}: names a folder of a machine: {line.strip()[:80]}"
            if path.suffix == ".py" and PICKLE.search(line):
                yield f"{name}:{number}: reads pickles, which may run any code"
    if shipped > MOST_SHIPPED_BYTES:
        yield f"training_data and pretrained: {shipped / 1e6:.1f} MB, allowed are {MOST_SHIPPED_BYTES / 1e6:.0f} MB"


def size_problems() -> list[tuple[str, str]]:
    """Return what is too large in the package, and the class names that stand twice: each with its place."""
    paths = sorted(SOURCE.rglob("*.py"))
    large = sorted((excess for path in paths for excess in excesses(path)), key=lambda one: (one.unit, -one.size))
    problems = [(f"{excess.path.relative_to(ROOT)}:{excess.line}", str(excess)) for excess in large]
    for name, places in repeated_classes(paths).items():
        problems.append((", ".join(str(path.relative_to(ROOT)) for path in places), f"class {name} stands twice"))
    return problems


def layers_table() -> str:
    """Return the layers as a table in Markdown, the lowest first."""
    rows = (f"| `{name}` | {holds} |" for name, holds in LAYERS.items())
    return "\n".join(("| layer | what it holds |", "|---|---|", *rows))


def check() -> int:
    """Check every rule; return the exit status."""
    modules = {module_of(path): path for path in sorted(SOURCE.rglob("*.py"))}
    imports = {module: list(read_imports(path, modules)) for module, path in modules.items()}
    problems = [
        *stray_modules(),
        *upward_imports(modules, imports),
        *heavy_imports(modules, imports),
        *bad_files(tracked_files()),
    ]
    if SIZES_ARE_ENFORCED:
        problems += [f"{place}: {problem}" for place, problem in size_problems()]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def main() -> int:
    """Check, or print what was asked for."""
    parser = argparse.ArgumentParser(description="check the architecture rules")
    parser.add_argument("--layers", action="store_true", help="print the layers as a table in Markdown")
    parser.add_argument("--sizes", action="store_true", help="print what is too large and what stands twice")
    arguments = parser.parse_args()
    if arguments.layers:
        print(layers_table())
        return 0
    if arguments.sizes:
        problems = size_problems()
        width = max((len(place) for place, _ in problems), default=0)
        print("\n".join(f"{place:{width}}  {problem}" for place, problem in problems))
        return 0
    return check()


if __name__ == "__main__":
    sys.exit(main())
