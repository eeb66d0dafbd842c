"""Fresh processes that load and answer, in turns: for the parts `start` and `memory`."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import compsel
from compsel.inputs.image import IMAGE
from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.runtime.runtime import Runtime
from serving_parts.answered import BareStage, feeds_of
from serving_parts.comparison import Options

_CHILD = Path(__file__).with_name("child.py")
_SOURCE = Path(compsel.__file__).parents[1]
_COMPILED = tempfile.TemporaryDirectory()
_LIMIT_S = 300

# a request, and the source of compsel; None: this one
Side = tuple[Mapping[str, Any], Path | None]


def run(request: Mapping[str, Any], source: Path | None = None) -> dict[str, Any]:
    """Run one process of `child.py`, with compsel from `source` (None: this one); return what it prints."""
    # compiled once, as an installation is, wherever the sources lie
    environment = {**os.environ, "PYTHONPATH": str(source or _SOURCE), "PYTHONPYCACHEPREFIX": _COMPILED.name}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-P", str(_CHILD), json.dumps(request)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_LIMIT_S, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def in_turns(sides: Mapping[str, Side], rounds: int) -> dict[str, list[dict]]:
    """Run every side once a round, after one round that fills the page cache; return what each printed, by side."""
    found: dict[str, list[dict]] = {name: [] for name in sides}
    for number in range(-1, rounds):
        # in another order each time: what runs first after a pause is slower
        names = list(sides) if number % 2 else list(reversed(sides))
        for name in names:
            result = run(*sides[name])
            if number >= 0:
                found[name].append(result)
    return found


@contextmanager
def bare_request(runtime: Runtime, stages: Sequence[BareStage], source: str) -> Iterator[dict[str, Any]]:
    """Give what makes a process open and run bare sessions of some stages on an input."""
    with tempfile.TemporaryDirectory() as folder:
        feeds: list[dict[str, str]] = []
        for number, stage in enumerate(stages):
            # no archive: its reader would be imported
            feeds.append({})
            for place, (name, values) in enumerate(feeds_of(runtime, stage.variant, source).items()):
                feeds[-1][name] = str(Path(folder, f"{number}-{place}.npy"))
                np.save(feeds[-1][name], values)
        yield {"side": "bare", "stages": [stage.to_dict() for stage in stages], "feeds": feeds}


def decoding_too(runtime: Runtime, options: Options, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the request of a bare process that decodes the image, or tokenizes the text, itself; None for tensors."""
    if runtime.modality is IMAGE and Path(options.source).is_file():
        return {**request, "image": str(Path(options.source).resolve())}
    preprocessing = next(iter(runtime.bundle.variants.values())).preprocessing
    if isinstance(preprocessing, TextPreprocessing):
        return {**request, "text": options.source, "tokenizer": str(preprocessing.path)}
    return None


def compsel_request(options: Options, **load: Any) -> dict[str, Any]:
    """Return what makes a process load the bundle and answer the input."""
    source: Any = options.source
    if len(source) < 1024 and Path(source).is_file():
        source = str(Path(source).resolve())
    if source.endswith(".npz"):
        # an app that has tensors has them in memory
        with np.load(source) as tensors:
            source = {name: str(Path(_COMPILED.name, f"{place}.npy")) for place, name in enumerate(tensors)}
            for name, path in source.items():
                np.save(path, tensors[name])
    return {"side": "compsel", "bundle": str(options.bundle.resolve()), "source": source, "load": load}
