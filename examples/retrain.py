"""Offline retraining: of this project's selectors from profiles, or of a bundle from what devices recorded.

Regenerate `training_data/` and `pretrained/`: build the zoo of the demo, measure it, train its selectors.

The photographs are not part of the project: give a folder of labelled ImageNet photographs (labels.csv with the
columns file and label). What is measured on them is stored: features, who was right, what was said, how long it took.

    python examples/retrain.py --samples PHOTOGRAPHS [--only-train]

Or from measured records: learn the costs of each kind of device and how far confidence is to be trusted, and release
the new bundle where it beats the one that is out, on sessions that it was not trained on.

    python examples/retrain.py --records UPLOADS --fleet FLEET --bundle BUNDLE --new BUNDLE [--profile PROFILE]
"""

import argparse
import shutil
from pathlib import Path

import compsel
from compsel.building.demo import calibration_samples, networks, techniques
from compsel.building.measure import default_processors, measure_costs
from compsel.building.train import train_profile
from compsel.cli.terminal import TERMINAL
from compsel.cli.train import show_comparison, summary
from compsel.device.fingerprint import device_fingerprint
from compsel.errors import CompselError
from compsel.features import EXTRACTORS
from compsel.fleet.ingest import ingest
from compsel.fleet.layout import FleetFolder
from compsel.fleet.merge import merge
from compsel.fleet.releases import Releases, release
from compsel.fleet.retrain import retrain
from compsel.processors import CpuProcessor
from compsel.profiling.choices import Choices
from compsel.profiling.groups import write_groups
from compsel.profiling.header import write_header
from compsel.profiling.input_features import measure_features, time_features
from compsel.profiling.load import standard_states
from compsel.profiling.profile import Profile
from compsel.profiling.quality import measure_quality
from compsel.selection.objective import Objective
from compsel.storage.files import write_json
from compsel.variants.build_variants import build_variants

ROOT = Path(__file__).resolve().parents[1]


def measure_zoo(samples: compsel.ImageFolder, work: Path) -> Profile:
    """Measure every variant of the zoo on every photograph, and its costs here."""
    variants = []
    for network in networks():
        variants += build_variants([network], work / "variants", calibration_samples(), techniques(network), TERMINAL)[
            0
        ]
    extractors = {name: kind() for name, kind in EXTRACTORS.items()}
    measure_features(extractors, samples, work, TERMINAL)
    n_classes = measure_quality(variants, work / "variants", samples, work, CpuProcessor(1), TERMINAL)
    choices = Choices(variants, default_processors(), work / "variants")
    measure_costs(choices, standard_states(), samples, work, reporter=TERMINAL)
    origin = f"{len(samples)} photographs of as many ImageNet classes, shorter side at most 320 pixels"
    write_groups(work, samples)
    write_header(work, variants, n_classes, device_fingerprint(), time_features(extractors, samples), origin)
    return Profile.load(work)


def from_records(records: Path, place: Path, bundle: Path, new: Path, profile: Path | None) -> None:
    """Retrain a bundle from records, and release what is better."""
    fleet = FleetFolder(place)
    ingest(records, fleet, reporter=TERMINAL)
    merge(fleet, reporter=TERMINAL)
    found = retrain(fleet, bundle, new, profile=profile, replace=True, reporter=TERMINAL)
    for kind in found.to_dict()["kinds"]:
        print(f"{kind['device']}: {kind['rows']} stages, {kind['times_expected']:.2f} times the expected cost")
    print(*(f"drift of {one.what}: {one.found:.3g}, expected {one.expected:.3g}" for one in found.drifts), sep="\n")
    if Releases.read(fleet).current is None:
        release(fleet, bundle)
    try:
        releases, comparison = release(fleet, new, reporter=TERMINAL)
        print(f"released as {releases.history[-1].number}: {'' if comparison is None else comparison.words}")
    except CompselError as error:
        print(error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, help="folder of labelled photographs")
    parser.add_argument("--work", type=Path, default=Path("retrain.work"), help="where variants and tables are kept")
    parser.add_argument("--out", type=Path, default=ROOT, help="where training_data/ and pretrained/ are")
    parser.add_argument("--only-train", action="store_true", help="train from the training_data that is there")
    parser.add_argument("--records", type=Path, help="folder of what devices recorded")
    parser.add_argument("--fleet", type=Path, default=Path("fleet"), help="where its tables and releases are kept")
    parser.add_argument("--bundle", type=Path, help="bundle that recorded")
    parser.add_argument("--new", type=Path, default=Path("retrained"), help="where the retrained bundle goes")
    parser.add_argument("--profile", type=Path, help="profile of the bundle: its policies are trained anew too")
    arguments = parser.parse_args()
    if arguments.records is not None and arguments.bundle is not None:
        from_records(arguments.records, arguments.fleet, arguments.bundle, arguments.new, arguments.profile)
        return
    data, pretrained = arguments.out / "training_data" / "efficientnet-lite", arguments.out / "pretrained"
    if not arguments.only_train:
        if arguments.samples is None:
            parser.error("--samples is needed, or --only-train, or --records and --bundle")
        measure_zoo(compsel.ImageFolder(arguments.samples), arguments.work)
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(arguments.work, data, ignore=shutil.ignore_patterns("variants"))
    for goal, objective in {"at-least-as-accurate": Objective(), "one-percent-less": Objective(max_loss=0.01)}.items():
        trained = train_profile(Profile.load(data), objective, reporter=TERMINAL)
        policy = trained.fitted[trained.comparison.winner].policy
        write_json(
            pretrained / f"efficientnet-lite.{goal}.json",
            {"format_version": 1, "objective": objective.to_dict(), **summary(trained), "policy": policy.to_dict()},
        )
        show_comparison(trained)


if __name__ == "__main__":
    main()
