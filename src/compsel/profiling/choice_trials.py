"""Choices that end the process that runs them are found before anything is measured."""

from collections.abc import Mapping

from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.processors.cpu import CpuProcessor
from compsel.processors.trial import trial
from compsel.profiling.choices import Choices
from compsel.progress import SILENT, Reporter

__all__ = ["crashing_variants"]


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
