"""Lists that go on as they change."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import grpc

from kefu._refused import Refused

Q = TypeVar("Q")
R = TypeVar("R")

_LONGEST_PAUSE = 30.0
# How broken connections are told beside UNAVAILABLE, also by what stands between us and the suite.
_BROKEN = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.CANCELLED,
}


class Watch(Generic[Q, R]):
    """What a Watch method tells, for as long as somebody iterates; where it breaks off it is called again with the last
    token and the names that are held, so that nothing is missed and nothing is told for ever. What only passes is waited
    for: a lost connection, and what the suite refuses with a time to try again. Where the caller's token has ended, it is
    called again with the one that `connect` is given by then; one that is refused at once is raised.

    A token that is too old is refused as INVALID_PAGE_TOKEN, and more than 5,000 held names as INVALID_FIELDS: list anew.
    """

    def __init__(self, method: Callable[[Q], Any], request: Q) -> None:
        given: Any = request
        self._request = type(given)()
        self._request.CopyFrom(given)
        self._method = method
        self._held: set[str] = set(self._request.held)
        self._call: Any = None
        self._closed = False
        # There are names that the call at hand was not made with.
        self._untold = False

    @property
    def request(self) -> Q:
        """What is asked next: kept somewhere (`SerializeToString`), a later process goes on where this one was."""
        return self._request  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[R]:
        pause = 0.0
        while not self._closed:
            self._untold = False
            told = False
            try:
                self._call = self._method(self._request)
                for message in self._call:
                    pause, told = 0.0, True
                    self._take(message)
                    yield message
                    # Without a token the next call would begin from now on.
                    if self._untold and self._request.resume_token:
                        break
            except Refused as refused:
                if self._closed:
                    return
                token_ended = told and refused.code is grpc.StatusCode.UNAUTHENTICATED
                if not (token_ended or _passes(refused)):
                    raise
                asked = refused.retry_after.total_seconds() if refused.retry_after else 0.0
                pause = min(max(asked, pause * 2, 0.1), max(asked, _LONGEST_PAUSE))
            finally:
                if self._call is not None:
                    self._call.cancel()
            if not self._closed:
                time.sleep(pause)

    def hold(self, names: Iterable[str]) -> None:
        """These are held as well, of a list that was read since a message was `caught_up`: after the message at hand, or
        the next, the method is called again with them, and tells which have left, and of the others when they do."""
        self._held.update(names)
        self._request.held[:] = sorted(self._held)
        self._untold = True

    def close(self) -> None:
        """Ends it, also from another thread."""
        self._closed = True
        if self._call is not None:
            self._call.cancel()

    def _take(self, message: Any) -> None:
        if message.relist:
            self._held.clear()
        self._held.update(record.name for record in message.changed)
        self._held.difference_update(message.left)
        if message.resume_token:
            self._request.resume_token = message.resume_token
        self._request.held[:] = sorted(self._held)


def _passes(refused: Refused) -> bool:
    """Whether it makes sense to call again."""
    lost = refused.code is grpc.StatusCode.UNAVAILABLE or (not refused.reason and refused.code in _BROKEN)
    return lost or refused.retry_after is not None
