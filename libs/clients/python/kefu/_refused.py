"""Why a call was refused, read out of google.rpc.Status."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"
_CALL_ID = "kefu-call-id"


@dataclass(frozen=True)
class Violation:
    """What is wrong with one field of the request."""

    field: str
    """Path in the request: `customer.phones[0].number`."""
    reason: str
    """`TOO_LONG`, `REQUIRED`, …"""
    message: str
    """In the caller's language."""


class Refused(Exception):
    """A call that was refused, or did not get through."""

    code: grpc.StatusCode
    reason: str
    """Of `kefu.common.v1.Reason`, without its prefix: `ETAG_MISMATCH`. Empty where something between us and the suite
    refused."""
    message: str
    """In the caller's language."""
    help: dict[str, str]
    """Which rule refused, whom to ask."""
    violations: list[Violation]
    """All of them at once, with INVALID_FIELDS."""
    retry_after: timedelta | None
    """There where trying again makes sense."""
    call_id: str
    """By which the suite's journals and logs know the call."""

    def __init__(self, error: grpc.RpcError) -> None:
        call = error if isinstance(error, grpc.Call) else None
        self.code = (call and call.code()) or grpc.StatusCode.UNKNOWN
        self.reason = self.call_id = ""
        self.message = (call and call.details()) or str(error)
        self.help, self.violations, self.retry_after = {}, [], None
        for key, value in [*_metadata(call, "initial"), *_metadata(call, "trailing")]:
            if key == _CALL_ID:
                self.call_id = str(value)
            elif key == _DETAILS and isinstance(value, bytes):
                self._read(status_pb2.Status.FromString(value))
        super().__init__(f"{self.reason or self.code.name}: {self.message}")

    def _read(self, status: Any) -> None:
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        text = error_details_pb2.LocalizedMessage()
        for detail in status.details:
            if detail.Unpack(info):
                self.reason, self.help = info.reason, dict(info.metadata)
            elif detail.Unpack(bad):
                self.violations = [
                    Violation(one.field, one.reason, one.localized_message.message or one.description)
                    for one in bad.field_violations
                ]
            elif detail.Unpack(retry):
                self.retry_after = retry.retry_delay.ToTimedelta()
            elif detail.Unpack(text):
                self.message = text.message


def _metadata(call: grpc.Call | None, which: str) -> list[tuple[str, str | bytes]]:
    if call is None:
        return []
    found = call.initial_metadata() if which == "initial" else call.trailing_metadata()
    return [(key, value) for key, value in found or []]
