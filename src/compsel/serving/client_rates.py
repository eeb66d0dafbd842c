"""How often each client may ask: a token bucket each (the leaky bucket as a meter, ITU-T I.371)."""

import time
from collections import OrderedDict
from collections.abc import Callable

from compsel.serving.request_error import RequestError

__all__ = ["ClientRates"]

_MOST_CLIENTS = 4096
# so many seconds' worth of requests may come at once
_BURST_S = 2.0


class ClientRates:
    """Lets each client ask so often, and twice as often for a moment.

    Args:
        per_s: requests a second; 0: any number.
        clock: in seconds.

    >>> rates = ClientRates(1.0, clock=lambda: 0.0)
    >>> rates.admit("a"); rates.admit("a"); rates.admit("b")
    >>> rates.admit("a")
    Traceback (most recent call last):
    compsel.serving.request_error.RequestError: got more than 1 requests a second: try again in 1 s
    """

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = max(1.0, per_s * _BURST_S)
        self._clock = clock
        # requests that are left, and when that was so; the clients that asked last stand last
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, client: str) -> None:
        """Count a request.

        Raises:
            RequestError: 429, one too many.
        """
        if not self._per_s:
            return
        now_s = self._clock()
        left, then_s = self._left.pop(client, (self._burst, now_s))
        left = min(self._burst, left + (now_s - then_s) * self._per_s)
        admitted = left >= 1.0
        self._left[client] = (left - admitted, now_s)
        if len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        if not admitted:
            wait_s = max(1, round((1.0 - left) / self._per_s))
            raise RequestError(429, f"got more than {self._per_s:g} requests a second: try again in {wait_s} s", wait_s)
