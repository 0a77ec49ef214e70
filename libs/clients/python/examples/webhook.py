"""Another company system is told what changes: a webhook, and a receiver that believes what is signed alone.

Runs against `kefu dev`, in its folder; docs/webhooks.md tells the story around it.
"""

import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import queue
import threading
import time
from typing import Any

import kefu
from kefu.access.v1.organisation_pb2 import ListDepartmentsRequest, ListEmployeesRequest
from kefu.access.v1.organisation_pb2_grpc import OrganisationServiceStub
from kefu.access.v1.webhook_pb2 import CreateWebhookRequest, DeleteWebhookRequest, PingWebhookRequest, Webhook
from kefu.access.v1.webhook_pb2_grpc import WebhookServiceStub
from kefu.policy.v1.policy_pb2 import PURPOSE_INTEGRATION
from kefu.profile.v1.customer_pb2 import CUSTOMER_TYPE_PERSON, Customer, Phone
from kefu.profile.v1.customer_service_pb2 import CreateCustomerRequest
from kefu.profile.v1.customer_service_pb2_grpc import CustomerServiceStub

ADDRESS = os.environ.get("KEFU_ADDRESS", "http://127.0.0.1:7700")
CUSTOMER_CHANGED = "kefu.profile.customer.changed.v1"
# What arrived, one after the other, however often each was sent.
events: queue.Queue[dict[str, Any]] = queue.Queue()
secret = ""


class Receiver(http.server.BaseHTTPRequestHandler):
    seen: set[str] = set()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        letter, at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        key = base64.b64decode(secret.removeprefix("whsec_"))
        tag = base64.b64encode(hmac.digest(key, f"{letter}.{at}.".encode() + body, hashlib.sha256)).decode()
        signed = any(hmac.compare_digest(f"v1,{tag}", one) for one in self.headers["webhook-signature"].split())
        good = signed and abs(time.time() - int(at)) < 300
        if good and letter not in self.seen:
            self.seen.add(letter)
            events.put(json.loads(body))
        self.send_response(204 if good else 401)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what comes is told below."""


def main() -> None:
    global secret
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}/kefu"
    with kefu.connect(ADDRESS, token=kefu.development_token("han.bing"), purpose="administration") as channel:
        accounts = OrganisationServiceStub(channel).ListEmployees(ListEmployeesRequest(page_size=200)).employees
        account = next(one.name for one in accounts if one.login == "logistics")
        webhooks = WebhookServiceStub(channel)
        types = [CUSTOMER_CHANGED]
        wanted = Webhook(
            account=account, purpose=PURPOSE_INTEGRATION, title="物流", url=here, event_types=types, active=True
        )
        webhook = webhooks.CreateWebhook(CreateWebhookRequest(webhook=wanted))
        secret = webhook.secret
        webhooks.PingWebhook(PingWebhookRequest(name=webhook.name))
        told("kefu.access.webhook.pinged.v1")
        name = enter_customer()
        event = told(CUSTOMER_CHANGED)
        assert event["subject"] == name, event["subject"]
        # As the account may see it, which is told no names and numbers, and that there are some.
        record = event["data"]
        assert record["displayName"] == "赵*" and record["phones"][0]["number"] == "139****1111", record
        assert record["disclosure"]["maskedFields"] == ["display_name", "phones.number"], record
        somebody_else(server.server_port)
        webhooks.DeleteWebhook(DeleteWebhookRequest(name=webhook.name, etag=webhook.etag))


def enter_customer() -> str:
    with kefu.connect(ADDRESS, token=kefu.development_token("erp"), purpose="integration") as channel:
        departments = OrganisationServiceStub(channel).ListDepartments(ListDepartmentsRequest()).departments
        entry = Customer(
            type=CUSTOMER_TYPE_PERSON,
            business_line="A",
            display_name="赵一鸣",
            department=next(one.name for one in departments if one.code == "call_centre"),
            phones=[Phone(number="139 0000 1111", primary=True)],
        )
        return CustomerServiceStub(channel).CreateCustomer(CreateCustomerRequest(customer=entry)).name


def told(event_type: str) -> dict[str, Any]:
    """The next event, which has to be of this type."""
    event = events.get(timeout=60)
    print("told", event["type"], event["subject"])
    assert event["type"] == event_type
    return event


def somebody_else(port: int) -> None:
    """What somebody else sends is not believed."""
    headers = {"webhook-id": "1", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/kefu", b"{}", headers)
    assert connection.getresponse().status == 401
    print("refused what was not signed")


if __name__ == "__main__":
    main()
