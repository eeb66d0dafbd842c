"""Rules of the house that no linter knows; prints what breaks them and fails. Run by `scripts/check`.

- Nothing imports upwards (`LAYERS`), neither at the top of a module nor inside a function.
- What an app needs to run a bundle imports nothing heavy, whatever the way round.
- No file of code is longer than `MOST_LINES`; what ships beside the code stays below `MOST_SHIPPED_BYTES`.
- Nothing reads a pickle, and nothing names a folder of somebody's machine.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
MOST_LINES = 400
MOST_SHIPPED_BYTES = 20_000_000

# Lowest first: each may import what stands before it.
LAYERS = (
    "errors",
    "progress",
    "storage",
    "inputs",
    "models",
    "device",
    "processors",
    "networks",
    "features",
    "techniques",
    "variants",
    "profiling",
    "selection",
    "bundle",
    "runtime",
    "evaluation",
    "building",
    "cli",
    "__main__",
)
# what starts an app: `import compsel; compsel.load(...)`, and an image from a file
LIGHT = ("compsel", "compsel.runtime", "compsel.inputs.images.decoding", "compsel.inputs.imagenet_classes")
HEAVY = {
    "joblib",
    "matplotlib",
    "onnx",
    "onnxmltools",
    "pandas",
    "pyarrow",
    "scipy",
    "skimage",
    "skl2onnx",
    "sklearn",
    "sympy",
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
    """Return the layer that a module stands in; None where it has none."""
    name = module.removeprefix("compsel.")
    return next((layer for layer in LAYERS if name == layer or name.startswith(f"{layer}.")), None)


def upward_imports(modules: dict[str, Path], imports: dict[str, list[Import]]) -> Iterator[str]:
    """Give every import of a layer above, and every module without a layer."""
    for module, path in modules.items():
        layer = layer_of(module)
        if module == "compsel":
            continue  # the public names: they point at every layer, and are loaded when they are used
        if layer is None:
            yield f"{path.relative_to(ROOT)}: has no place in LAYERS of scripts/architecture.py: give it one"
            continue
        for found in imports[module]:
            other = layer_of(found.target) if found.target in modules else None
            if other is not None and LAYERS.index(other) > LAYERS.index(layer):
                yield f"{found}: {layer} imports {found.target}, which stands above it"


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


def main() -> int:
    """Check every rule; return the exit status."""
    modules = {module_of(path): path for path in sorted(SOURCE.rglob("*.py"))}
    imports = {module: list(read_imports(path, modules)) for module, path in modules.items()}
    problems = [
        *upward_imports(modules, imports),
        *heavy_imports(modules, imports),
        *bad_files(tracked_files()),
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
