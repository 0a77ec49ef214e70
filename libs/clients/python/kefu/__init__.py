"""Client of kefu. The messages and stubs are those of the contracts
(`kefu.ticket.v1.ticket_service_pb2_grpc.TicketServiceStub`); what every caller needs beside them is here."""

from kefu._channel import connect
from kefu._pages import pages
from kefu._refused import Refused, Violation
from kefu._token import development_token
from kefu._watch import Watch

__all__ = ["Refused", "Violation", "Watch", "connect", "development_token", "pages"]
