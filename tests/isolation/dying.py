"""Called in the worker by the tests."""

import os
import sys


def speak_and_end(status: int) -> None:
    print("first words\nlast words", file=sys.stderr, flush=True)
    os._exit(status)
