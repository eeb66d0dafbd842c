"""`compsel demo`: the whole path on real networks: compress, measure this machine, train, write a bundle, classify."""

import argparse
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import compsel
from compsel.cli.answer_rows import rows_of
from compsel.cli.base import Command, add_json, write_result
from compsel.cli.report import add_report, leave_report
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL
from compsel.cli.train import show, summary
from compsel.errors import ProfileError, UsageError
from compsel.inputs.imagenet_classes import imagenet_classes
from compsel.inputs.images.decoding import decode

if TYPE_CHECKING:
    from compsel.profiling.profile import Profile

__all__ = ["COMMAND"]

_TRAINING_DATA = Path("training_data") / "efficientnet-lite"


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="*", type=Path, metavar="IMAGE", help="photographs (default: scikit-image's)")
    parser.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="where everything goes (demo/)")
    parser.add_argument("--training-data", type=Path, metavar="DIR", help="features and outcomes to train from")
    parser.add_argument("--budget", type=float, default=20.0, metavar="S", help="seconds per state of the device")
    add_report(parser)
    add_json(parser)


def _training_data(asked: Path | None) -> Path:
    """Return the folder of the outcomes that ship with compsel, or the one that was asked for."""
    if asked is not None:
        return asked
    source, installed = Path(compsel.__file__).resolve().parents[2], Path(sys.prefix) / "share" / "compsel"
    for root in (Path.cwd(), source, installed):
        if (root / _TRAINING_DATA / "profile.json").is_file():
            return root / _TRAINING_DATA
    raise ProfileError(f"{_TRAINING_DATA} is not here: run the demo in the source folder, or give --training-data DIR")


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.demo import photographs
    from compsel.building.result import Built
    from compsel.building.verbs.train import train
    from compsel.profiling.profile import Profile

    if not 0 < arguments.budget < math.inf:
        raise UsageError(f"budget: got {arguments.budget:g}, allowed is a number of seconds above 0")
    for image in arguments.images:
        decode(image)  # now, not after minutes
    begin = time.perf_counter()
    outcomes = Profile.load(_training_data(arguments.training_data))
    images = arguments.images or list(photographs().values())
    profile = _measure(outcomes, arguments.out, arguments.budget)
    TERMINAL.say(f"training from the outcomes of {len(outcomes.samples)} photographs ({outcomes.origin})")
    trained = train(profile, out=arguments.out / "bundle", files=arguments.out, replace=True, reporter=TERMINAL)
    assert isinstance(trained, Built)
    show(trained, arguments.out / "bundle")
    answers = []
    with compsel.load(arguments.out / "bundle") as runtime:
        for image in images:
            runtime(image)  # the first answer on an image warms the caches up
            answers.append((image.name, runtime(image)))
    rows = rows_of(answers, imagenet_classes())
    print_table(
        [(row["image"], row["name"], f"{row['latency_ms']:.2f}", row["choice"]) for row in rows],
        ("image", "label", "ms", "choice"),
    )
    seconds = time.perf_counter() - begin
    print(f"the whole demo took {seconds:.0f} s")
    write_result(arguments.json, {**summary(trained), "answers": rows, "seconds": seconds})
    leave_report(arguments, arguments.out / "bundle")
    return 0


def _measure(outcomes: "Profile", out: Path, budget_s: float) -> "Profile":
    """Build the variants that the outcomes were measured on, measure their cost here, and join both."""
    from compsel.building.demo import calibration_samples, networks, say_what_differs
    from compsel.building.measure import default_processors, measure_costs
    from compsel.device.fingerprint import device_fingerprint
    from compsel.profiling.choices import Choices
    from compsel.profiling.latency import Criterion
    from compsel.profiling.load import standard_states
    from compsel.variants.build_variants import build_variants

    files = out / "variants"
    samples = calibration_samples()
    TERMINAL.say("building variants of the three EfficientNet-Lites with their ImageNet weights")
    techniques = {
        model: [variant.technique for variant in outcomes.variants if variant.model == model]
        for model in dict.fromkeys(variant.model for variant in outcomes.variants)
    }
    variants = []
    for network in TERMINAL.track(networks(TERMINAL), "networks"):
        built, left_out = build_variants([network], files, samples, techniques.get(network.name, []), TERMINAL)
        if left_out:
            raise ProfileError(f"{left_out[0].model}/{left_out[0].technique}: {left_out[0].reason}")
        variants += built
    say_what_differs(variants, outcomes.variants, TERMINAL)
    TERMINAL.say("measuring this machine, idle and under real load")
    choices = Choices(variants, default_processors(), files)
    measure_costs(choices, standard_states(), samples, out, Criterion(budget_s=budget_s), TERMINAL, idle_wait_s=5.0)
    return outcomes.with_costs(variants, out, device_fingerprint())


COMMAND = Command(
    "demo",
    "the whole path on real networks: compress, measure this machine, train, write a bundle, classify photographs",
    "compsel demo my_photo.jpg",
    _arguments,
    _run,
)
