"""Another company system works with the suite: everything that an integration meets, once.

Runs against `kefu dev`, in its folder; docs/integrating.md tells the story around it.
"""

import os
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import kefu
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from kefu.access.v1.organisation_pb2 import ListDepartmentsRequest
from kefu.access.v1.organisation_pb2_grpc import OrganisationServiceStub
from kefu.common.v1.shared_pb2 import CHANNEL_PHONE, TOTAL_KIND_EXACT
from kefu.profile.v1.customer_pb2 import CUSTOMER_TYPE_PERSON, Customer, Phone
from kefu.profile.v1.customer_service_pb2 import CreateCustomerRequest, GetCustomerRequest, UpdateCustomerRequest
from kefu.profile.v1.customer_service_pb2_grpc import CustomerServiceStub
from kefu.ticket.v1.attention_pb2 import WatchTicketRequest, WatchTicketResponse
from kefu.ticket.v1.attention_pb2_grpc import AttentionServiceStub
from kefu.ticket.v1.ticket_pb2 import LEVEL_HIGH, LEVEL_LOW, LEVEL_MEDIUM, TICKET_KIND_CONSULTATION, Level, Ticket
from kefu.ticket.v1.ticket_service_pb2 import (
    GetTicketRequest,
    ListTicketsRequest,
    OpenTicketRequest,
    UpdateTicketRequest,
)
from kefu.ticket.v1.ticket_service_pb2_grpc import TicketServiceStub
from kefu.ticket.v1.watch_pb2 import WatchTicketsRequest, WatchTicketsResponse
from kefu.ticket.v1.watch_pb2_grpc import WatchServiceStub

ADDRESS = os.environ.get("KEFU_ADDRESS", "http://127.0.0.1:7700")
TOKEN = kefu.development_token("erp")


def main() -> None:
    with kefu.connect(ADDRESS, token=TOKEN, purpose="integration", language="zh-CN") as channel:
        department = call_centre(channel)
        customer = enter_customer(channel, department)
        ticket = open_ticket(channel, customer, department)
        change_under_others_hands(channel, ticket)
        all_pages(channel, customer, department)
        follow(channel, customer, department)
        go_on_when_cut(channel, customer, department)
        go_on_when_the_token_ends(channel, customer, department)
        come_back_when_told(channel)
        not_done_twice()
        more_than_may_be(channel, ticket)
    refused_in_both_languages(ticket)


def call_centre(channel: grpc.Channel) -> str:
    departments = OrganisationServiceStub(channel).ListDepartments(ListDepartmentsRequest()).departments
    return next(one.name for one in departments if one.code == "call_centre")


def enter_customer(channel: grpc.Channel, department: str) -> Customer:
    customers = CustomerServiceStub(channel)
    entry = CreateCustomerRequest(
        customer=Customer(
            type=CUSTOMER_TYPE_PERSON,
            business_line="A",
            display_name="赵一鸣",
            department=department,
            external_ref=f"erp-{uuid.uuid4()}",
            phones=[Phone(number="139 0000 1111", primary=True)],
        ),
        request_id=str(uuid.uuid4()),
    )
    customer = customers.CreateCustomer(entry)
    # Whoever does not know whether a call got through makes it again: nothing is entered twice.
    assert customers.CreateCustomer(entry).name == customer.name
    # The same id for something else is a mistake, and is told so.
    entry.customer.display_name = "赵二鸣"
    try:
        customers.CreateCustomer(entry)
    except kefu.Refused as refused:
        assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
        assert refused.reason == "REQUEST_ID_REUSED", refused.reason
        seen("the same request_id for another customer", refused)
    else:
        raise AssertionError("a request id was taken for two requests")
    return customer


def open_ticket(channel: grpc.Channel, customer: Customer, department: str) -> Ticket:
    # The channel says how far it has written: the ticket service, which hears of customers from a journal, answers
    # when it has heard of this one.
    ticket = TicketServiceStub(channel).OpenTicket(
        OpenTicketRequest(
            ticket=Ticket(
                customer=customer.name,
                kind=TICKET_KIND_CONSULTATION,
                channel=CHANNEL_PHONE,
                department=department,
                impact=LEVEL_LOW,
                urgency=LEVEL_LOW,
                subject="滤芯多久更换一次",
            )
        )
    )
    print("opened", ticket.number)
    return ticket


def change_under_others_hands(channel: grpc.Channel, ticket: Ticket) -> None:
    tickets = TicketServiceStub(channel)

    def change(held: Ticket, urgency: "Level.ValueType") -> Ticket:
        request = UpdateTicketRequest(ticket=Ticket(name=held.name, etag=held.etag, urgency=urgency))
        request.update_mask.paths.append("urgency")
        return tickets.UpdateTicket(request)

    change(ticket, LEVEL_MEDIUM)  # somebody else was faster
    try:
        changed = change(ticket, LEVEL_HIGH)
    except kefu.Refused as refused:
        if refused.reason != "ETAG_MISMATCH":
            raise
        seen("a change of what has changed since", refused)
        # Read again, decide again, change again.
        current = tickets.GetTicket(GetTicketRequest(name=ticket.name))
        assert current.urgency == LEVEL_MEDIUM
        changed = change(current, LEVEL_HIGH)
    else:
        raise AssertionError("an etag that is not current was taken")
    assert changed.urgency == LEVEL_HIGH


def all_pages(channel: grpc.Channel, customer: Customer, department: str) -> None:
    tickets = TicketServiceStub(channel)
    for _ in range(6):
        open_ticket(channel, customer, department)
    numbers: list[str] = []
    count = 0
    for page in kefu.pages(
        tickets.ListTickets,
        ListTicketsRequest(filter=f'customer = "{customer.name}"', page_size=3, order_by="received_time"),
    ):
        assert page.total_kind == TOTAL_KIND_EXACT and page.total_size == 7
        numbers += [ticket.number for ticket in page.tickets]
        count += 1
    assert count == 3 and len(set(numbers)) == 7, (count, numbers)
    print("read", len(numbers), "tickets in", count, "pages")


def follow(channel: grpc.Channel, customer: Customer, department: str) -> None:
    watches, tickets = WatchServiceStub(channel), TicketServiceStub(channel)
    low = f'customer = "{customer.name}" AND priority = LOW'
    request = WatchTicketsRequest(filter=low)
    watch: kefu.Watch[WatchTicketsRequest, WatchTicketsResponse] = kefu.Watch(watches.WatchTickets, request)
    messages = iter(watch)
    next(message for message in messages if message.caught_up)
    # From here on what changes is told. What there is already is listed, and held: it is told when that leaves.
    pages = kefu.pages(tickets.ListTickets, ListTicketsRequest(filter=low))
    listed = [ticket for page in pages for ticket in page.tickets]
    watch.hold(ticket.name for ticket in listed)
    urgent = Ticket(name=listed[0].name, etag=listed[0].etag, urgency=LEVEL_HIGH)
    tickets.UpdateTicket(UpdateTicketRequest(ticket=urgent, update_mask=FieldMask(paths=["urgency"])))
    next(message for message in messages if urgent.name in message.left)
    first = open_ticket(channel, customer, department)
    told_until(first.name, messages)
    # This process ends; what it has to remember is one request.
    remembered = watch.request.SerializeToString()
    watch.close()
    missed = open_ticket(channel, customer, department)
    # The next one goes on where this one was: what changed meanwhile is told, and nothing twice.
    watch = kefu.Watch(watches.WatchTickets, WatchTicketsRequest.FromString(remembered))
    assert first.name not in told_until(missed.name, iter(watch))
    watch.close()
    print("followed: what was opened while nobody watched was told, and what left the list")


class CutOff:
    """An answer that ends like this once it has caught up."""

    def __init__(self, answer: Any, end: kefu.Refused) -> None:
        self._answer, self._end = answer, end

    def __iter__(self) -> Iterator[WatchTicketsResponse]:
        for message in self._answer:
            yield message
            if message.caught_up:
                raise self._end

    def cancel(self) -> None:
        self._answer.cancel()


def go_on_when_cut(channel: grpc.Channel, customer: Customer, department: str) -> None:
    watches = WatchServiceStub(channel)
    calls = 0

    def cut_once(request: WatchTicketsRequest) -> Any:
        nonlocal calls
        calls += 1
        answer = watches.WatchTickets(request)
        # By something between us and the suite, which gives no reason.
        return CutOff(answer, kefu.Refused(grpc.RpcError("stream removed"))) if calls == 1 else answer

    request = WatchTicketsRequest(filter=f'customer = "{customer.name}"')
    watch: kefu.Watch[WatchTicketsRequest, WatchTicketsResponse] = kefu.Watch(cut_once, request)
    messages = iter(watch)
    next(message for message in messages if message.caught_up)
    opened = open_ticket(channel, customer, department)
    told_until(opened.name, messages)
    watch.close()
    assert calls > 1, calls
    print("followed: over a connection that was cut")


def go_on_when_the_token_ends(channel: grpc.Channel, customer: Customer, department: str) -> None:
    end = refused_at_once(WatchTicketsRequest())
    asked = calls = 0

    def token() -> str:
        nonlocal asked
        asked += 1
        return TOKEN

    def ended_once(request: WatchTicketsRequest) -> Any:
        nonlocal calls
        calls += 1
        answer = watches.WatchTickets(request)
        return CutOff(answer, end) if calls == 1 else answer

    with kefu.connect(ADDRESS, token=token, purpose="integration") as renewing:
        watches = WatchServiceStub(renewing)
        request = WatchTicketsRequest(filter=f'customer = "{customer.name}"')
        watch: kefu.Watch[WatchTicketsRequest, WatchTicketsResponse] = kefu.Watch(ended_once, request)
        messages = iter(watch)
        next(message for message in messages if message.caught_up)
        opened = open_ticket(channel, customer, department)
        told_until(opened.name, messages)
        watch.close()
    assert asked == calls > 1, (asked, calls)
    print("followed: with another token than it began with")


def refused_at_once(request: WatchTicketsRequest) -> kefu.Refused:
    """Who has no good token to begin with is not called for again; how the gateway refuses it."""
    with kefu.connect(ADDRESS, token="none", purpose="integration") as stranger:
        watch: kefu.Watch[WatchTicketsRequest, WatchTicketsResponse] = kefu.Watch(
            WatchServiceStub(stranger).WatchTickets, request
        )
        try:
            next(iter(watch))
        except kefu.Refused as refused:
            assert refused.code is grpc.StatusCode.UNAUTHENTICATED, refused
            assert refused.retry_after is None
            seen("a watch with no good token", refused)
            return refused
    raise AssertionError("a token that is none was taken")


def told_until(name: str, messages: Iterator[WatchTicketsResponse]) -> set[str]:
    """All names that are told until this one is."""
    told: set[str] = set()
    while name not in told:
        told.update(ticket.name for ticket in next(messages).changed)
    return told


def come_back_when_told(channel: grpc.Channel) -> None:
    watches = WatchServiceStub(channel)
    open_answers = []
    while True:
        try:
            answer = watches.WatchTickets(WatchTicketsRequest())
            next(answer)
            open_answers.append(answer)
        except kefu.Refused as refused:
            assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert refused.reason == "OVERLOADED" and refused.retry_after is not None
            again = refused.retry_after.total_seconds()
            if "limit" in refused.help:
                assert refused.help["limit"] == str(len(open_answers))
                seen(f"the {len(open_answers) + 1}th open answer, again in {again:g} s", refused)
                break
            time.sleep(again)  # too many calls a second, not too many answers
    # A Watch waits as long as it is told, and is there when there is a place.
    threading.Timer(0.2, open_answers.pop().cancel).start()
    watch: kefu.Watch[WatchTicketsRequest, WatchTicketsResponse] = kefu.Watch(
        watches.WatchTickets, WatchTicketsRequest()
    )
    next(message for message in watch if message.caught_up)
    watch.close()
    for answer in open_answers:
        answer.cancel()


def not_done_twice() -> None:
    # Of a change that takes no request id, what was refused before it began is done again, and what may be done is not.
    for reason, expected in (("OVERLOADED", 3), ("POLICY_STALE", 1)):
        calls = 0
        status = status_pb2.Status(code=grpc.StatusCode.UNAVAILABLE.value[0])
        for detail in (ErrorInfo(reason=reason, domain="kefu"), RetryInfo(retry_delay=Duration())):
            status.details.add().Pack(detail)

        def refuse(request: WatchTicketRequest, context: grpc.ServicerContext) -> WatchTicketResponse:
            nonlocal calls
            calls += 1
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(grpc.StatusCode.UNAVAILABLE, reason)
            return WatchTicketResponse()

        with refusing(refuse) as address, kefu.connect(address, token=TOKEN, purpose="integration", attempts=3) as channel:
            try:
                AttentionServiceStub(channel).WatchTicket(WatchTicketRequest(name="tickets/…"))
            except kefu.Refused as refused:
                assert refused.reason == reason and refused.retry_after is not None, refused
            else:
                raise AssertionError("a refusal was not told")
        assert calls == expected, (reason, calls)


@contextmanager
def refusing(refuse: Any) -> Iterator[str]:
    """In place of the suite: one that refuses to follow a ticket."""
    handler = grpc.unary_unary_rpc_method_handler(
        refuse, WatchTicketRequest.FromString, WatchTicketResponse.SerializeToString
    )
    server = grpc.server(ThreadPoolExecutor(1))
    service = grpc.method_handlers_generic_handler("kefu.ticket.v1.AttentionService", {"WatchTicket": handler})
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(None)


def more_than_may_be(channel: grpc.Channel, ticket: Ticket) -> None:
    # The suite of this example lets one caller make 20 calls a second: `kefu dev --calls-per-second 20`.
    get = GetTicketRequest(name=ticket.name)
    with kefu.connect(ADDRESS, token=TOKEN, purpose="integration", attempts=1) as hasty, ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(TicketServiceStub(hasty).GetTicket, get) for _ in range(200)]
        refusals = [call.exception() for call in calls if call.exception()]
    for refused in refusals:
        assert isinstance(refused, kefu.Refused) and refused.reason == "OVERLOADED", refused
        assert refused.retry_after is not None
    assert refusals, "200 calls at once were not too many"
    # Whoever waits as long as RetryInfo says is answered, and `connect` does so by itself.
    for _ in range(5):
        assert TicketServiceStub(channel).GetTicket(get).name == ticket.name
    print(f"{len(refusals)} of 200 calls at once were too many; with patience all are answered")


def refused_in_both_languages(ticket: Ticket) -> None:
    said = {}
    for language in ("zh-CN", "en"):
        # Service is no purpose of a system that transfers records.
        with kefu.connect(ADDRESS, token=TOKEN, purpose="service", language=language) as channel:
            try:
                TicketServiceStub(channel).GetTicket(GetTicketRequest(name=ticket.name))
            except kefu.Refused as refused:
                assert refused.code is grpc.StatusCode.PERMISSION_DENIED
                assert refused.reason == "PURPOSE_NOT_ALLOWED"
                assert "role:integration#transfer" in refused.help["rule"], refused.help
                assert refused.call_id
                seen("another purpose", refused)
                said[language] = refused.message
        with kefu.connect(ADDRESS, token=TOKEN, purpose="integration", language=language) as channel:
            try:
                TicketServiceStub(channel).OpenTicket(OpenTicketRequest(ticket=Ticket(subject="?" * 201)))
            except kefu.Refused as refused:
                assert refused.reason == "INVALID_FIELDS"
                fields = {one.field: one.message for one in refused.violations}
                assert {"ticket.customer", "ticket.kind", "ticket.subject"} <= fields.keys(), fields
                print("  every field that is wrong:", fields)
    assert said == {
        "zh-CN": "您的岗位不得为此目的查阅。",
        "en": "no rule grants the permission for this purpose",
    }, said


def seen(what: str, refused: kefu.Refused) -> None:
    print(f"refused, {what}: {refused}")


if __name__ == "__main__":
    main()
