"""Loading leaves next to no garbage, but makes so many objects that looking for it takes a tenth of the time."""

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["fewer_collections"]

# more than loading makes; where somebody else makes garbage meanwhile it is collected all the same
_OBJECTS = 200_000


@contextlib.contextmanager
def fewer_collections() -> Iterator[None]:
    """Collect garbage after 200,000 new objects only; what is there afterwards counts as old at once.

    >>> with fewer_collections():
    ...     gc.get_threshold()[0]
    200000
    """
    before = gc.get_threshold()
    # 0: the app collects when it likes; as many: another thread loads, too
    if not gc.isenabled() or before[0] in (0, _OBJECTS):
        yield
        return
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        # modules stay: without this the next collection looks at each of their objects. Of what the app froze nothing
        # is to be thawed
        if gc.get_freeze_count() == 0:
            gc.freeze()
            gc.unfreeze()
