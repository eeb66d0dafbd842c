"""Choices that end the process that runs them are found before anything is measured."""

from collections.abc import Mapping, Sequence

from compsel.errors import ProcessorError
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.processors.cpu import CpuProcessor
from compsel.processors.trial import trial
from compsel.profiling.choices import Choices
from compsel.progress import SILENT, Reporter
from compsel.variants.build_variants import LeftOut
from compsel.variants.variant import Variant

__all__ = ["crashing_variants", "running_variants"]


def crashing_variants(choices: Choices, samples: Samples, reporter: Reporter = SILENT) -> Mapping[str, str]:
    """Run every choice once in a process of its own; on the CPU the verification of the variants did that.

    Args:
        choices: what to run.
        samples: the first is what is run.
        reporter: of progress.

    Returns:
        by name of a variant that ends the process on one of the processors, how.

    >>> from pathlib import Path
    >>> from compsel.inputs.samples import ArraySamples
    >>> crashing_variants(Choices((), (CpuProcessor(1),), Path()), ArraySamples([]))
    {}
    """
    jobs = [(variant, processor) for variant, processor in choices if type(processor) is not CpuProcessor]
    found: dict[str, str] = {}
    for variant, processor in reporter.track(jobs, "trials") if jobs else ():
        if variant.name in found:
            continue
        feeds = modality_of(variant).graph_feeds(variant, samples.value(0))
        reason = trial(processor, choices.files / variant.graph_file, feeds)
        if reason:
            found[variant.name] = reason
    return found


def running_variants(
    choices: Choices, left_out: Sequence[LeftOut], samples: Samples, reporter: Reporter
) -> tuple[list[Variant], list[LeftOut]]:
    """Return the variants of choices without those that end the process on a processor, and what is left out by now.

    Args:
        choices: what to run.
        left_out: what is left out already.
        samples: the first is what is run.
        reporter: hears what is left out.

    Raises:
        ProcessorError: an uncompressed model does: the others are judged by it.
    """
    reasons = crashing_variants(choices, samples, reporter)
    for one in choices.variants:
        if one.name in reasons:
            if one.technique == "none":
                raise ProcessorError(f"{one.name}: {reasons[one.name]}: name other processors with --processor")
            reporter.say(f"{one.name}: left out: {reasons[one.name]}")
    more = [LeftOut(one.model, one.technique, reasons[one.name]) for one in choices.variants if one.name in reasons]
    return [one for one in choices.variants if one.name not in reasons], [*left_out, *more]
