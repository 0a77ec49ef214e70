"""A channel to the gateway, with what goes along with every call."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor

from kefu._refused import Refused
from kefu.policy.v1 import policy_pb2

_POSITION = "kefu-position"
# With these nothing was begun, or all of it was taken back. POLICY_STALE is told also of a change that was under way.
_NOT_BEGUN = {"OVERLOADED", "ISSUER_UNAVAILABLE", "CONFLICT"}
# A connection that went silent is noticed, not waited for.
_OPTIONS = [("grpc.keepalive_time_ms", 20_000), ("grpc.keepalive_timeout_ms", 10_000)]


def connect(
    address: str,
    *,
    token: str | Callable[[], str],
    purpose: str,
    language: str = "en",
    credentials: grpc.ChannelCredentials | None = None,
    attempts: int = 8,
) -> grpc.Channel:
    """A channel for the stubs of the contracts.

    `address` is `http://…` or `https://…`; `token` a bearer token, or what gives one that still holds; `purpose` why the
    records are looked at, in lower case (`integration`); `language` that of refusals, `zh-CN` or `en`. `credentials` are
    for an authority of the company's own, or a client certificate that the token is bound to.

    Writes are given a `request_id` where they have none, and each call waits until what this channel wrote before has
    taken effect. Where the suite says when to try again, that is done as long as it cannot be done twice, `attempts` in
    all. What is refused in the end is raised as `kefu.Refused`. A call by `.future` is waited for all the same: for calls
    beside one another take threads, a channel serves all of them.
    """
    url = urlsplit(address)
    if url.scheme == "https":
        channel = grpc.secure_channel(url.netloc, credentials or grpc.ssl_channel_credentials(), _OPTIONS)
    elif url.scheme == "http":
        channel = grpc.insecure_channel(url.netloc, _OPTIONS)
    else:
        raise ValueError(f"{address} does not begin with http:// or https://")
    give = token if callable(token) else lambda: token
    return grpc.intercept_channel(channel, _Caller(give, purpose, language, attempts))


class _Details(grpc.ClientCallDetails):
    def __init__(self, details: Any, timeout: float | None, metadata: list[tuple[str, str | bytes]]) -> None:
        self.method, self.timeout, self.metadata = details.method, timeout, tuple(metadata)
        self.credentials = details.credentials
        self.wait_for_ready = getattr(details, "wait_for_ready", None)
        self.compression = getattr(details, "compression", None)


class _Caller(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    def __init__(self, token: Callable[[], str], purpose: str, language: str, attempts: int) -> None:
        self._token, self._purpose, self._language, self._attempts = token, purpose, language, attempts
        # Place of the last write in the journal of each service.
        self._written: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        method = _method(details.method)
        writes = _policy(method).effect == policy_pb2.EFFECT_WRITE
        if writes and "request_id" in method.input_type.fields_by_name and not request.request_id:
            given, request = request, type(request)()
            request.CopyFrom(given)
            request.request_id = str(uuid.uuid4())
        can_be_repeated = not writes or bool(getattr(request, "request_id", ""))
        until = None if details.timeout is None else time.monotonic() + details.timeout
        for attempt in range(max(self._attempts, 1)):
            left = None if until is None else until - time.monotonic()
            call = continuation(_Details(details, left, self._metadata(details)), request)
            error = call.exception()
            if error is None:
                self._remember(call.initial_metadata())
                return call
            if not isinstance(error, grpc.RpcError):
                raise error
            refused = Refused(error)
            if refused.retry_after is None or not (can_be_repeated or refused.reason in _NOT_BEGUN):
                break
            # Not all at once, and ever more slowly.
            pause = refused.retry_after.total_seconds() + random.uniform(0, 0.05) * 2**attempt
            if attempt + 1 >= self._attempts or (until is not None and time.monotonic() + pause > until):
                break
            time.sleep(pause)
        raise refused from error

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return _Stream(continuation(_Details(details, details.timeout, self._metadata(details)), request))

    def _metadata(self, details: Any) -> list[tuple[str, str | bytes]]:
        metadata: list[tuple[str, str | bytes]] = [
            *(details.metadata or []),
            ("authorization", f"Bearer {self._token()}"),
            ("kefu-purpose", self._purpose),
            ("accept-language", self._language),
        ]
        with self._lock:
            places = [f"{service}:{first}.{second}" for service, (first, second) in self._written.items()]
        return [*metadata, (_POSITION, ", ".join(places))] if places else metadata

    def _remember(self, metadata: Any) -> None:
        for key, value in metadata or []:
            service, _, place = value.partition(":") if key == _POSITION else ("", "", "")
            if service:
                first, _, second = place.partition(".")
                reached = (int(first), int(second))
                with self._lock:
                    self._written[service] = max(reached, self._written.get(service, reached))


class _Stream:
    """An answer of many messages, whose end may be a refusal."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._call)
        except grpc.RpcError as error:
            raise Refused(error) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


def _policy(method: Any) -> policy_pb2.MethodPolicy:
    return method.GetOptions().Extensions[policy_pb2.method]  # type: ignore[no-any-return]


def _method(path: str | bytes) -> MethodDescriptor:
    name = path.decode() if isinstance(path, bytes) else path
    return descriptor_pool.Default().FindMethodByName(name.lstrip("/").replace("/", "."))
