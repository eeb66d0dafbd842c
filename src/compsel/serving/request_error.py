"""What is wrong with a request, and the status that says so."""

from compsel.errors import CompselError, InputError, ObjectiveError, ProcessorError

__all__ = ["RequestError", "status_of"]


class RequestError(CompselError):
    """A request that is not answered.

    Attributes:
        status: of the response.
        retry_after_s: when to try again; None: never the same.

    >>> RequestError(413, "body: got 3 bytes, allowed are 2").status
    413
    """

    def __init__(self, status: int, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


def status_of(error: CompselError) -> int:
    """Return the status of an error: what a caller can mend is 4xx, what only time or the server's owner can 5xx.

    >>> status_of(InputError("input 'x': got NaN")), status_of(ProcessorError("cuda:0 failed"))
    (422, 503)
    """
    if isinstance(error, RequestError):
        return error.status
    if isinstance(error, (InputError, ObjectiveError)):
        return 422
    return 503 if isinstance(error, ProcessorError) else 500
