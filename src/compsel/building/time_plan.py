"""What a build will measure and about how long that takes; with a time limit, as much of it as fits.

What does not fit is left out in a fixed order, each step as far as it goes before the next: seconds of measuring per
state of the device; states (idle stays); processors (one thread and ONNX Runtime's default stay); techniques, from the
last one on (two stay); samples (100 stay). What was asked for by name stays.
"""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from compsel.building.options import Measuring
from compsel.building.time_limit import duration_words
from compsel.device.cgroup import usable_cores
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.processors import CpuProcessor, Processor, default_cpu
from compsel.profiling.latency import Criterion
from compsel.profiling.load import parse_state, standard_states
from compsel.variants.build_variants import default_techniques
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant

__all__ = ["TimePlan", "answer_times", "plan_time"]

_BUDGETS_S = (30.0, 15.0, 8.0, 4.0)
_LEAST_BUDGET_S, _MOST_SLOWER = 1.0, 4.0
_LEAST_TECHNIQUES, _SAMPLES = 2, (400, 200, 100)
# measured on two cores: what a part takes, in seconds, or in answers of the model
_START_S, _PROCESS_S, _ENERGY_S, _TRAIN_S, _TRAIN_PER_SAMPLE_S = 3.0, 0.6, 2.5, 3.0, 0.012
_RUNS, _CALIBRATION_RUNS, _COMPRESS_S, _FASTER = 60, 6, 0.5, 0.7


@dataclass(frozen=True)
class TimePlan:
    """What will be measured.

    Attributes:
        techniques: by model, what is tried.
        processors: words.
        states: of the device.
        criterion: when a latency is known well enough.
        n_samples: how many samples.
        seconds: about how long all of it takes, training included.
        left_out: what a time limit left out, in words.
        before_s, after_s: of these seconds, what comes before latencies are measured, and what comes after.

    >>> plan = TimePlan({"net": ("none", "int8-static")}, ("cpu:1",), ("idle",), Criterion(), 600, 50.0)
    >>> plan.sentence
    'about 1 min: 2 variants, 600 samples, 1 processor, 1 state of the device'
    """

    techniques: Mapping[str, tuple[str, ...]]
    processors: tuple[str, ...]
    states: tuple[str, ...]
    criterion: Criterion
    n_samples: int
    seconds: float
    left_out: tuple[str, ...] = ()
    before_s: float = 0.0
    after_s: float = 0.0

    def within(self, limit_s: float, elapsed_s: float, *, asked_states: bool = False) -> "TimePlan":
        """Return this plan with what is still to be measured cut to what is left of a limit.

        Noise makes every state use up its budget; and a machine that was slower than planned so far will be so later.

        Args:
            limit_s: of everything.
            elapsed_s: what compressing and answering took.
            asked_states: whether the states were asked for by name; others but idle are left out where time is up.
        """
        slower = min(max(1.0, elapsed_s / self.before_s), _MOST_SLOWER) if self.before_s else 1.0
        left_s = limit_s - elapsed_s - slower * self.after_s
        plan = self
        # one state more: the model as it runs today
        if not asked_states and "idle" in self.states and left_s < _LEAST_BUDGET_S * (len(self.states) + 1):
            lost = [state for state in self.states if state != "idle"]
            words = (f"states {', '.join(lost)}, for the machine is slower than planned",) if lost else ()
            plan = replace(self, states=("idle",), left_out=(*self.left_out, *words))
        budget_s = max(_LEAST_BUDGET_S, left_s / (len(plan.states) + 1))
        if budget_s >= plan.criterion.budget_s:
            return plan
        return replace(plan, criterion=replace(plan.criterion, budget_s=budget_s))

    @property
    def variants(self) -> int:
        """How many variants."""
        return sum(len(specs) for specs in self.techniques.values())

    @property
    def sentence(self) -> str:
        """What will be measured, and about how long it takes."""
        counts = {
            "variant": self.variants,
            "sample": self.n_samples,
            "processor": len(self.processors),
            "state": len(self.states),
        }
        parts = [f"{count:,} {word}{'s' * (count != 1)}" for word, count in counts.items()]
        return f"about {duration_words(self.seconds)}: {', '.join(parts)} of the device"


def answer_times(originals: Sequence[Variant], files: Path, samples: Samples) -> dict[str, float]:
    """Return how long each uncompressed model takes for an answer on one thread (s), by name."""
    value, found = samples.undecoded(0), {}
    for variant in originals:
        with closing(Engine(variant, files, CpuProcessor(1))) as engine:
            engine(value)
            runs = []
            for _ in range(3):
                begin = time.perf_counter()
                engine(value)
                runs.append(time.perf_counter() - begin)
        found[variant.model] = statistics.median(runs)
    return found


def plan_time(
    models: Sequence[Model],
    samples: Samples,
    measuring: Measuring,
    processors: Sequence[Processor],
    times_s: Mapping[str, float],
    *,
    meter: bool,
) -> TimePlan:
    """Return what to measure.

    Args:
        models: with different names.
        samples: how many there are counts.
        measuring: what is wanted, and the limit.
        processors: where inference can run here.
        times_s: see `answer_times`.
        meter: whether energy is measured.
    """
    plan = TimePlan(
        {model.name: _techniques(model, measuring) for model in models},
        tuple(processor.name for processor in processors),
        tuple(measuring.states or standard_states()),
        measuring.criterion or Criterion(),
        len(samples),
        0.0,
    )
    limit = measuring.time_limit_s
    fits = plan = _timed(plan, measuring, times_s, meter=meter)
    if limit is None:
        return plan
    for smaller in _smaller(plan, measuring):
        if fits.seconds <= limit:
            break
        fits = _timed(smaller, measuring, times_s, meter=meter)
    return replace(fits, left_out=_left_out(plan, fits))


def _techniques(model: Model, measuring: Measuring) -> tuple[str, ...]:
    """Return what is tried on a model; the model itself always is."""
    return tuple(dict.fromkeys(("none", *(measuring.techniques or default_techniques(model)))))


def _left_out(whole: TimePlan, plan: TimePlan) -> tuple[str, ...]:
    """Return in words what a plan lacks of another one."""
    specs = [spec for model, kept in plan.techniques.items() for spec in whole.techniques[model] if spec not in kept]
    missing = {
        "states": [one for one in whole.states if one not in plan.states],
        "processors": [one for one in whole.processors if one not in plan.processors],
        "techniques": list(dict.fromkeys(specs)),
    }
    words = [f"{word} {', '.join(some)}" for word, some in missing.items() if some]
    if plan.criterion.budget_s < whole.criterion.budget_s:
        words.insert(0, f"all but {plan.criterion.budget_s:g} s of measuring per state")
    if plan.n_samples < whole.n_samples:
        words.append(f"all but {plan.n_samples} samples")
    return tuple(words)


def _timed(plan: TimePlan, measuring: Measuring, times_s: Mapping[str, float], *, meter: bool) -> TimePlan:
    """Return the plan with about how long it takes."""
    compressing = answering = timing = 0.0
    calibrating = _CALIBRATION_RUNS * min(measuring.calibration, plan.n_samples)
    for model, specs in plan.techniques.items():
        time_s = times_s[model]
        compressing += len(specs) * (_COMPRESS_S + calibrating * time_s)
        answering += len(specs) * plan.n_samples * time_s * _FASTER
        timing += len(specs) * len(plan.processors) * _RUNS * time_s * _FASTER
    choices = plan.variants * len(plan.processors)
    per_state = [
        min(plan.criterion.budget_s, timing * (1 + min(parse_state(state).count, usable_cores())))
        for state in plan.states
    ]
    measuring_energy = choices * len(plan.states) * _ENERGY_S if meter else 0.0
    training = _TRAIN_S + _TRAIN_PER_SAMPLE_S * plan.n_samples
    before, after = _START_S + compressing + answering, choices * _PROCESS_S + measuring_energy + training
    return replace(plan, seconds=before + sum(per_state) + after, before_s=before, after_s=after)


def _smaller(plan: TimePlan, measuring: Measuring) -> Iterator[TimePlan]:
    """Give plans that take less and less time."""
    for budget_s in _BUDGETS_S:
        if budget_s < plan.criterion.budget_s:
            yield (plan := replace(plan, criterion=replace(plan.criterion, budget_s=budget_s)))
    if measuring.states is None:
        for states in (("idle", f"busy:{usable_cores()}"), ("idle",)):
            yield (plan := replace(plan, states=states))
    if measuring.processors is None:
        kept = tuple(one for one in plan.processors if one in ("cpu:1", default_cpu().name))
        yield (plan := replace(plan, processors=kept or plan.processors))
    if measuring.techniques is None:
        most = max(len(specs) for specs in plan.techniques.values())
        for count in range(most - 1, _LEAST_TECHNIQUES - 1, -1):
            fewer = {model: specs[:count] for model, specs in plan.techniques.items()}
            yield (plan := replace(plan, techniques=fewer))
    for count in _SAMPLES:
        if count < plan.n_samples:
            yield (plan := replace(plan, n_samples=count))
