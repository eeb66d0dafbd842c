"""Options that several commands share."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.cli.code_options import add_confidence, add_quality
from compsel.errors import SamplesError
from compsel.inputs.modalities import open_samples
from compsel.inputs.samples import Samples

if TYPE_CHECKING:
    from compsel.inputs.modality import Modality

__all__ = [
    "TECHNIQUE_WORDS",
    "TRAINING_MEMORY",
    "add_bundle_out",
    "add_certify",
    "add_labels",
    "add_measuring",
    "add_memory_limit",
    "add_meter",
    "add_objective",
    "add_samples",
    "add_technique",
    "given_options",
    "samples_of",
    "samples_to_open",
    "split",
]

# as `compsel.techniques.TECHNIQUES` has them, which the help of commands is not to import
TECHNIQUE_WORDS = (
    *("none", "int8-static", "float16", "int8-dynamic", "int16-weight", "int8-weight", "int6-weight", "int4-weight"),
    *("cluster", "prune", "channel-prune", "low-rank", "resolution", "early-exit", "student", "fuse"),
)
TRAINING_MEMORY = (
    "how much memory training may use (default 2000): tables that do not fit are read in batches, and what is not "
    "trained on all of their samples is trained on some, which is said"
)
_COLUMNS = {"text": "texts", "file": "image files", "label": "labels", "group": "groups that belong together"}


def split(samples: Samples, part: str) -> Samples:
    """Return a part "I/N" of the samples: every N-th one, from the I-th; "!I/N" is all others.

    Raises:
        SamplesError: not such a word.
    """
    text = part.removeprefix("!")
    first, _, step = text.partition("/")
    if not (first.isdigit() and step.isdigit() and 1 <= int(first) <= int(step)):
        raise SamplesError(
            f"part: got {part!r}, allowed are I/N (every N-th sample from the I-th) and !I/N (the others)"
        )
    inside = [index for index in range(len(samples)) if index % int(step) == int(first) - 1]
    if part.startswith("!"):
        taken = set(inside)
        inside = [index for index in range(len(samples)) if index not in taken]
    return samples.subset(inside)


def add_samples(parser: argparse.ArgumentParser, *, required: bool = True, part: bool = True, use: str = "") -> None:
    """Add `--samples DIR_OR_TABLE`, the columns of a table, and `--part`."""
    parser.add_argument(
        "--samples",
        type=Path,
        required=required,
        metavar="SAMPLES",
        help="folder of images, in folders by class or with a table that names the files (labels.csv: file,label); a "
        "table of texts (text,label) or of image files: .csv, .tsv, .jsonl, .parquet; a folder of .npz files, or an "
        f".npz with a sample a row (x, y){use}",
    )
    for kind, what in _COLUMNS.items():
        parser.add_argument(
            f"--{kind}", metavar="COLUMN", help=f"of a table: column of the {what} (default: by its usual names)"
        )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="a file that is missing or unreadable, or a row without label, is an error",
    )
    if part:
        parser.add_argument("--part", metavar="I/N", help="only every N-th sample from the I-th; !I/N: all others")


def samples_of(arguments: argparse.Namespace, modality: "Modality | Callable[[], Modality] | None" = None) -> Samples:
    """Open the samples that the arguments name.

    Args:
        arguments: of a command with `add_samples`.
        modality: of the models, or what tells it: asked where the samples could be several things.

    Raises:
        SamplesError: there are none, or it is not clear what they are.
    """
    columns = {name: getattr(arguments, name) for name in _COLUMNS}
    samples = open_samples(arguments.samples, **columns, strict=arguments.strict, modality=modality)
    part = getattr(arguments, "part", None)
    if part is not None:
        samples = split(samples, part)
    if not len(samples):
        raise SamplesError(f"part: {part} of {arguments.samples} holds no samples: give a larger part")
    return samples


def given_options(arguments: argparse.Namespace, kind: type) -> dict[str, Any]:
    """Return the options of a verb that the arguments give, by name.

    Args:
        arguments: of a command with options of the same names.
        kind: a `TypedDict` of `compsel.building.verbs.options`.
    """
    values = {name: getattr(arguments, name, None) for name in kind.__annotations__}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def samples_to_open(arguments: argparse.Namespace) -> "Callable[[Modality], Samples] | None":
    """Return what opens the samples for a modality, as verbs take them; None where the arguments name none."""
    return None if arguments.samples is None else partial(samples_of, arguments)


def add_technique(parser: argparse.ArgumentParser, text: str) -> None:
    """Add `--technique`, with what it is for."""
    parser.add_argument(
        "--technique",
        action="append",
        metavar="T",
        help=f"{text}: {', '.join(TECHNIQUE_WORDS)}, each with options (prune:0.3), and chains of them "
        "(resolution:192+int8-static)",
    )


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Add `--labels` of the commands that show answers."""
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="names of the classes: one a line, or JSON; or the word imagenet (default: the bundle's)",
    )


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """Add `compsel.building.verbs.options.MeasuringOptions`."""
    add_technique(parser, "a technique to try, repeatable (default: those that suit the models)")
    parser.add_argument(
        "--processor",
        action="append",
        metavar="P",
        help="a processor to measure, such as cpu:2 or cuda:0; repeatable (default: all that work here; "
        "see compsel devices)",
    )
    parser.add_argument(
        "--state", action="append", metavar="S", help="a state: idle, busy:N, memory:N, soak:MINUTES (repeatable)"
    )
    add_meter(parser)
    parser.add_argument("--calibration", type=int, metavar="N", help="calibration samples (default 50)")
    parser.add_argument(
        "--time-limit",
        metavar="TIME",
        help='about so long may all of it take ("10 min", "1h", seconds): less is measured then; says what is left out',
    )
    parser.add_argument("--budget", type=float, metavar="S", help="seconds per state (default 60)")
    add_quality(
        parser,
        "for models without class scores: of outputs and label, gives 0 to 1; or fidelity (default) or cosine to the "
        "uncompressed model",
    )
    parser.add_argument(
        "--good-enough", type=float, metavar="F", help="the same: an answer of this quality counts as right (0.9)"
    )
    add_task(parser)
    add_confidence(parser)


def add_task(parser: argparse.ArgumentParser) -> None:
    """Add `--task`."""
    parser.add_argument(
        "--task",
        metavar="NAME",
        help="what the answers are (default: recognised from the graph and the labels, and said): multiclass, binary, "
        "multilabel, multioutput, ordinal, regression, segmentation, sequence, detection, embedding, similarity",
    )


def add_meter(parser: argparse.ArgumentParser) -> None:
    """Add `--meter`."""
    parser.add_argument(
        "--meter",
        metavar="M",
        help="energy meter, see compsel devices (default: what there is); estimate:W guesses W watts for a busy core",
    )


def add_objective(parser: argparse.ArgumentParser) -> None:
    """Add `compsel.building.verbs.options.ObjectiveOptions`."""
    parser.add_argument("--goal", metavar="TEXT", help='in words: "at most 1 %% less accurate, as fast as possible"')
    parser.add_argument(
        "--max-loss",
        type=float,
        metavar="F",
        help="how much less accurate than the best uncompressed network, as a fraction; 0 unless --min-quality",
    )
    parser.add_argument("--no-floor", action="store_true", help="no floor of accuracy: only the penalty counts")
    parser.add_argument("--min-quality", type=float, metavar="F", help="least accuracy, as a fraction")
    parser.add_argument("--penalty", type=float, metavar="MS", help="cost of a wrong answer in ms, or in mJ for energy")
    parser.add_argument("--minimize", metavar="WHAT", help="latency (default), or energy, which needs a meter")
    parser.add_argument(
        "--credibility",
        type=float,
        metavar="F",
        help="leave inputs unlike the samples to the most accurate network; F: share of false alarms, such as 0.01",
    )
    parser.add_argument(
        "--abstain",
        type=float,
        metavar="F",
        help="flag answers that are right with less than this probability; they count as wrong",
    )


def add_certify(parser: argparse.ArgumentParser) -> None:
    """Add `--certify`."""
    parser.add_argument(
        "--certify",
        metavar="TEXT",
        help='what the bundle shall promise: "99 %% agreement" with the most accurate network, at 95 %% confidence '
        'unless it says another one ("99 %% agreement at 90 %% confidence"); refused where the samples cannot show it',
    )


def add_memory_limit(parser: argparse.ArgumentParser, text: str) -> None:
    """Add `--memory-limit-mb`; the help is this text."""
    parser.add_argument("--memory-limit-mb", type=float, default=2000.0, metavar="MB", help=text)


def add_bundle_out(parser: argparse.ArgumentParser, what: str = "the bundle", metavar: str = "BUNDLE") -> None:
    """Add `--out BUNDLE` and `--replace`."""
    parser.add_argument("--out", type=Path, required=True, metavar=metavar, help=f"where {what} goes")
    parser.add_argument("--replace", action="store_true", help="replace a bundle that is there already")
