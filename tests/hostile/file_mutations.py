"""Files as an attacker, or a bad disk, would leave them.

    python -m tests.hostile.file_mutations [TARGET ...] --count 3000

mutates the seeds of each target of `tests.fuzzing` so many times, lets its reader read them, and prints what came of
it: none may end in anything but a value or one of the package's own errors, each in bounded time and memory.
"""

import argparse
import collections
import re
import signal
import sys
import time
import traceback
from collections.abc import Sequence

import numpy as np

from tests.fuzzing.target import Target, attempt
from tests.fuzzing.targets import TARGETS

__all__ = ["mutated"]

_MOST_S = 20
_KINDS = (
    *("token",) * 6,
    *("flip",) * 4,
    *("number",) * 3,
    *("word", "remove", "double", "cut", "grow", "zeros", "splice", "repeat"),
)
_TOKEN = re.compile(rb'"[^"\\]*"|-?\d+(?:\.\d+)?|true|false|null')
_ODD = (
    b"0", b"1", b"-1", b"2", b"0.5", b"1e5", b"1e999", b"NaN", b"99999999999999999999", b"true", b"null", b'""', b'"x"',
    b"[]", b"{}", b"[1]", b'["a"]', b'{"a":1}', b'"\\ud800"', b'"../a"', b'"text"', b'"image"', b"[[1,2],[3]]",
)  # fmt: skip
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**40, 2**63 - 1, 2**64 - 1)


def mutated(seeds: Sequence[bytes], words: Sequence[bytes], source: np.random.Generator) -> bytes:
    """Return one of some files with one to four things changed in it."""
    data = bytearray(seeds[int(source.integers(len(seeds)))])
    for _ in range(int(source.choice([1, 1, 1, 2, 4]))):
        _change(data, seeds, words, source)
    return bytes(data)


def _change(data: bytearray, seeds: Sequence[bytes], words: Sequence[bytes], source: np.random.Generator) -> None:
    place = int(source.integers(len(data) + 1))
    end = min(len(data), place + int(source.choice([1, 2, 8, 64, 512])))
    kind = str(source.choice(_KINDS))
    if kind == "token" and (tokens := list(_TOKEN.finditer(data))):
        begin, stop = tokens[int(source.integers(len(tokens)))].span()
        odd = _ODD[int(source.integers(len(_ODD)))]
        # padded: the lengths around it may go on being right
        data[begin:stop] = odd.ljust(stop - begin) if source.random() < 0.7 else odd
    elif kind == "flip" and data:
        for _ in range(int(source.choice([1, 1, 1, 8]))):
            data[int(source.integers(len(data)))] ^= 1 << int(source.integers(8))
    elif kind == "cut":
        del data[place:]
    elif kind == "remove":
        del data[place:end]
    elif kind == "grow":
        data[place:place] = source.bytes(int(source.integers(1, 65)))
    elif kind == "double":
        data[place:place] = data[place:end]
    elif kind == "zeros":
        data[place:end] = bytes(end - place)
    elif kind == "number":
        width = int(source.choice([1, 2, 4, 8]))
        number = _NUMBERS[int(source.integers(len(_NUMBERS)))] % (1 << (8 * width))
        data[place : place + width] = number.to_bytes(width, "little")
    elif kind == "word" and words:
        data[place:end] = words[int(source.integers(len(words)))]
    elif kind == "splice":
        other = seeds[int(source.integers(len(seeds)))]
        data[place:] = other[int(source.integers(len(other) + 1)) :]
    elif kind == "repeat":
        data[place:place] = bytes(data[place:end]) * int(source.integers(1, 33))


def _too_long(*_: object) -> None:
    raise TimeoutError(f"over {_MOST_S} s")


def _run(target: Target, count: int, first: int) -> int:
    """Mutate and read; print what came of it, and return how many ended otherwise than they may."""
    seeds = list(target.seeds().values())
    for seed in seeds:
        attempt(target, seed)
    found: collections.Counter[str] = collections.Counter()
    bad, slowest, begin = 0, 0.0, time.perf_counter()
    places: collections.Counter[object] = collections.Counter()
    for number in range(first, first + count):
        data, start = mutated(seeds, list(target.words), np.random.default_rng(number)), time.process_time()
        signal.alarm(_MOST_S)
        try:
            found[attempt(target, data)] += 1
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            bad += 1
            found[f"UNTYPED {type(error).__name__}"] += 1
            frame = traceback.extract_tb(error.__traceback__)[-1]
            own = [one for one in traceback.extract_tb(error.__traceback__) if "/compsel/" in one.filename]
            where = (
                type(error),
                frame.filename,
                frame.lineno,
                own[-1].filename if own else "",
                own[-1].lineno if own else 0,
            )
            places[where] += 1
            if places[where] == 1:
                print(f"  {number}: {error!r:.200} at {where[1:]}", flush=True)
        finally:
            signal.alarm(0)
        slowest = max(slowest, time.process_time() - start)
    words = ", ".join(f"{name} {number}" for name, number in found.most_common())
    print(
        f"{target.name}: {count} in {time.perf_counter() - begin:.0f} s, slowest {slowest:.2f} s: {words}", flush=True
    )
    return bad


def main() -> int:
    """Mutate the seeds of each target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, _too_long)
    return 1 if sum(_run(TARGETS[name], given.count, given.seed) for name in given.targets) else 0


if __name__ == "__main__":
    sys.exit(main())
