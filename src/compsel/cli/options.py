"""Options that several commands share."""

import argparse
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from compsel.device.energy import Meter, open_meter
from compsel.errors import EnergyError, SamplesError, UsageError
from compsel.inputs.image import IMAGE
from compsel.inputs.modalities import modality_of, open_samples
from compsel.inputs.samples import Samples
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.objective import Objective

if TYPE_CHECKING:
    from compsel.inputs.modality import Modality

__all__ = [
    "add_certify",
    "add_confidence",
    "add_measuring",
    "add_meter",
    "add_objective",
    "check_budget",
    "meter_of",
    "objective",
    "reject_option",
]


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
        modality: of the models, or what tells it; None: that of the models that the arguments name. It is asked where
            the samples could be several things.
    """
    columns = {name: getattr(arguments, name) for name in _COLUMNS}
    modality = modality if modality is not None else partial(_modality_of_first, arguments)
    samples = open_samples(arguments.samples, **columns, strict=arguments.strict, modality=modality)
    part = getattr(arguments, "part", None)
    if part is not None:
        samples = split(samples, part)
    if not len(samples):
        raise SamplesError(f"part: {part} of {arguments.samples} holds no samples: give a larger part")
    return samples


def _modality_of_first(arguments: argparse.Namespace) -> "Modality":
    """Return the modality of the first model that the arguments name; images, where they name none."""
    paths = getattr(arguments, "models", None) or [path for path in [getattr(arguments, "encoder", None)] if path]
    if not paths:
        return IMAGE
    from compsel.models.model import Model  # onnx is heavy

    return modality_of(Model.load(paths[0], tokenizer=getattr(arguments, "tokenizer", None)))


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """Add what `compsel.Measuring` holds."""
    parser.add_argument("--technique", action="append", metavar="T", help="a technique to try (repeatable)")
    parser.add_argument("--processor", action="append", metavar="P", help="a processor to measure (repeatable)")
    parser.add_argument(
        "--state", action="append", metavar="S", help="a state: idle, busy:N, memory:N, soak:MINUTES (repeatable)"
    )
    add_meter(parser)
    parser.add_argument("--calibration", type=int, default=50, metavar="N", help="calibration samples (default 50)")
    parser.add_argument(
        "--time-limit",
        metavar="TIME",
        help='about so long may all of it take ("10 min", "1h", seconds): less is measured then; says what is left out',
    )
    parser.add_argument("--budget", type=float, default=60.0, metavar="S", help="seconds per state (default 60)")
    parser.add_argument(
        "--quality",
        metavar="Q",
        help="for models without class scores: fidelity (default) or cosine to the uncompressed model, or "
        "MODULE:FUNCTION of outputs and label that gives 0 to 1",
    )
    parser.add_argument(
        "--good-enough", type=float, metavar="F", help="the same: an answer of this quality counts as right (0.9)"
    )
    add_confidence(parser)


def add_confidence(parser: argparse.ArgumentParser) -> None:
    """Add `--confidence`."""
    parser.add_argument(
        "--confidence",
        metavar="MODULE:FUNCTION",
        help="for models without class scores: of the outputs, gives a few numbers that tell how good they may be "
        "(default: their statistics)",
    )


def add_meter(parser: argparse.ArgumentParser) -> None:
    """Add `--meter`."""
    parser.add_argument(
        "--meter",
        metavar="M",
        help="energy meter, see compsel devices (default: what there is); estimate:W guesses W watts for a busy core",
    )


@contextmanager
def meter_of(arguments: argparse.Namespace) -> Iterator[Meter | None]:
    """Open the meter that was asked for, or what there is; None where none was asked for and there is none.

    Raises:
        EnergyError: the meter that was asked for is not here.
    """
    try:
        meter = open_meter(arguments.meter)
    except EnergyError:
        if arguments.meter is not None:
            raise
        yield None
        return
    with meter:
        yield meter


def check_budget(budget_s: float) -> None:
    """Raise UsageError unless it is a time."""
    if not 0 < budget_s < math.inf:
        raise UsageError(f"--budget: got {budget_s:g}, allowed is a number of seconds above 0")


def add_objective(parser: argparse.ArgumentParser) -> None:
    """Add the objective."""
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
        default=0.0,
        metavar="F",
        help="leave inputs unlike the samples to the most accurate network; F: share of false alarms, such as 0.01",
    )
    parser.add_argument(
        "--abstain",
        type=float,
        default=0.0,
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


def reject_option(arguments: argparse.Namespace) -> RejectOption:
    """Return the reject option that the arguments name.

    Raises:
        ObjectiveError: a value that is not allowed.
    """
    return RejectOption(credibility=arguments.credibility, abstain_below=arguments.abstain)


def objective(arguments: argparse.Namespace) -> Objective:
    """Return the objective that the arguments name.

    Raises:
        ObjectiveError: one that is not allowed, or that nothing can be measured for.
    """
    wanted = _from_goal(arguments) if arguments.goal is not None else _from_options(arguments)
    wanted.check_measured(energy=True)  # whether there is a meter, who measures or trains finds out
    return wanted


def _from_goal(arguments: argparse.Namespace) -> Objective:
    for name in ("max_loss", "no_floor", "min_quality", "minimize"):
        value = getattr(arguments, name)
        if value is not None and value is not False:
            raise UsageError(f"--goal: got it together with --{name.replace('_', '-')}: say all of it in the goal")
    return Objective.from_goal(arguments.goal, penalty=arguments.penalty)


def _from_options(arguments: argparse.Namespace) -> Objective:
    max_loss = arguments.max_loss
    if max_loss is None and arguments.min_quality is None and not arguments.no_floor:
        max_loss = 0.0
    if max_loss is not None and arguments.no_floor:
        raise UsageError("--no-floor: got it together with --max-loss: give one of the two")
    return Objective(
        minimize=arguments.minimize or "latency",
        max_loss=max_loss,
        min_quality=arguments.min_quality,
        penalty=arguments.penalty,
    )
