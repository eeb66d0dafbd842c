"""Where a training keeps what it has done, until its bundle is written."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from compsel.evaluation.contenders import work_place
from compsel.selection.training.kept_fits import KeptFits
from compsel.storage.locations.address import address_of
from compsel.storage.locations.using import kept_in_step

__all__ = ["TRAINING", "kept_training"]

#: name of the folder of what a training has done in a folder of work
TRAINING = "training"


@contextlib.contextmanager
def kept_training(out: str | os.PathLike[str], work: str | os.PathLike[str] | None = None) -> Iterator[KeptFits]:
    """Give where fits are kept: in `training` of the folder of work. Where the block ends well, nothing of it is left.

    Args:
        out: folder of the bundle.
        work: folder of the work, or its address; None: `<out>.work`.

    Raises:
        LocationError: an address that cannot be read or written.

    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp()) / "bundle"
    >>> with kept_training(out) as kept:
    ...     print(kept.folder.relative_to(out.parent).as_posix())
    bundle.work/training
    """
    place = work_place(out) if work is None else work
    address = address_of(place)
    with kept_in_step(f"{address}/{TRAINING}" if address else Path(place) / TRAINING) as folder:
        yield KeptFits(folder)
        for path in folder.iterdir() if folder.is_dir() else ():
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        if not address:  # an address has no empty folders
            with contextlib.suppress(OSError):  # of the work, others may be there
                folder.rmdir()
                folder.parent.rmdir()
