"""Names of the classes that answers are shown with."""

from pathlib import Path

from compsel.errors import InputError
from compsel.inputs.imagenet_classes import imagenet_classes

__all__ = ["read_class_names"]


def read_class_names(labels: str) -> tuple[str, ...]:
    """Return the names in a file, one a line, or those of ImageNet for the word "imagenet".

    Raises:
        InputError: a file that cannot be read.

    >>> len(read_class_names("imagenet"))
    1000
    """
    if labels == "imagenet":
        return imagenet_classes()
    try:
        lines = Path(labels).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{labels}: cannot be read as a list of class names: {error}") from error
    while lines and not lines[-1].strip():
        lines.pop()
    return tuple(line.strip() for line in lines)
