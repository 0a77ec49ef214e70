"""Lists that come in pages."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

Q = TypeVar("Q")
R = TypeVar("R")


def pages(method: Callable[[Q], R], request: Q) -> Iterator[R]:
    """Each page of a list, to its end: `for page in pages(tickets.ListTickets, ListTicketsRequest())`."""
    asked: Any = type(request)()
    asked.CopyFrom(request)
    while True:
        page: Any = method(asked)
        yield page
        if not page.next_page_token:
            return
        asked.page_token = page.next_page_token
