"""What a runtime loads and runs before its first answer, so that this is as fast as the others."""

from collections.abc import Callable, Iterable

from compsel.errors import BundleError
from compsel.runtime.observations import StageFailedError
from compsel.runtime.planning import Planner
from compsel.runtime.stage_runner import StageRunner
from compsel.selection.costs.model import CostModel
from compsel.selection.policies import Policy

__all__ = ["warm_up_engines"]


def warm_up_engines(
    runner: StageRunner, planner: Planner, costs: CostModel, policy: Policy, report: Callable[[StageFailedError], None]
) -> None:
    """Load and run every variant of the policy on the processors that are best in some state of the device.

    Args:
        runner: of stages.
        planner: knows what answers where no deadline can be met.
        costs: of the choices that are available here.
        policy: whose variants they are.
        report: is told of each that fails.

    Raises:
        ModelError, ProcessorError: a variant failed on every one of its processors.
    """
    sizes = costs.sizes.tolist() or [None]
    # first: where memory is short, these make room for the variants of the policy
    for name, processor in planner.fallbacks():
        _warm(runner, name, [processor], report)
    for name in policy.variants:
        best = dict.fromkeys(costs.processors(name, where, size)[0] for where in costs.states for size in sizes)
        others = [processor for variant, processor in costs.choices if variant == name]
        failures = _warm(runner, name, best, report)
        if len(failures) == len(best):
            failures += _warm(runner, name, set(others) - set(best), report)
            if len(failures) == len(others):
                raise failures[-1].error


def _warm(
    runner: StageRunner, name: str, processors: Iterable[str], report: Callable[[StageFailedError], None]
) -> list[StageFailedError]:
    failures = []
    for processor in processors:
        try:
            runner.warm_up(name, processor)
        except BundleError:
            raise
        except Exception as error:  # whatever a session raises
            failures.append(StageFailedError.of(name, processor, error))
            report(failures[-1])
    return failures
