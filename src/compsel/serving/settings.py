"""What a server allows: sizes, rates, how much at once, and under which names it may be called."""

from dataclasses import dataclass, field

from compsel.device.cgroup import usable_cores
from compsel.errors import UsageError

__all__ = ["ServingSettings"]


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """Limits of a server.

    Attributes:
        max_bytes: of the body of a request, and of what an `.npz` in it unpacks to.
        max_pixels: of an image.
        rate_per_s: requests for answers of one client each second, on average; 0: any number.
        workers: answers at once.
        waiting: requests that may wait for a worker; more are told to come back.
        body_timeout_s: a body has to be there by then.
        hosts: further names that a browser may call this server by.

    >>> ServingSettings(max_bytes=0)
    Traceback (most recent call last):
    compsel.errors.UsageError: --max-bytes: got 0, allowed is 1 or more
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 64_000_000
    rate_per_s: float = 50.0
    workers: int = field(default_factory=usable_cores)
    waiting: int = 32
    body_timeout_s: float = 30.0
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "workers"):
            if getattr(self, name) < 1:
                raise UsageError(f"--{name.replace('_', '-')}: got {getattr(self, name)}, allowed is 1 or more")
        if not 0 <= self.rate_per_s < float("inf"):
            raise UsageError(f"--rate: got {self.rate_per_s:g}, allowed is a number of requests a second, 0 for any")
