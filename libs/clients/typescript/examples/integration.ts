// Another company system works with the suite: everything that an integration meets, once.
//
// Runs against `kefu dev`, with its token of the login `erp` in KEFU_TOKEN; docs/integrating.md tells the story around it.

import assert from "node:assert/strict";
import { createPrivateKey, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
  type Transport,
} from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { callers, pages, refusal, Watch } from "@kefu/client";
import { OrganisationService } from "@kefu/client/access/v1/organisation";
import { Channel, TotalKind } from "@kefu/client/common/v1/shared";
import { ErrorInfoSchema, RetryInfoSchema } from "@kefu/client/google/rpc/error_details";
import { type Customer, CustomerType } from "@kefu/client/profile/v1/customer";
import { CustomerService } from "@kefu/client/profile/v1/customer_service";
import { AttentionService } from "@kefu/client/ticket/v1/attention";
import { Level, type Ticket, TicketKind } from "@kefu/client/ticket/v1/ticket";
import { TicketService } from "@kefu/client/ticket/v1/ticket_service";
import { WatchService, WatchTicketsRequestSchema, type WatchTicketsResponse } from "@kefu/client/ticket/v1/watch";
import { wayTo } from "./support/way.js";

const { KEFU_ADDRESS: baseUrl = "http://127.0.0.1:7700", KEFU_TOKEN: token = "" } = process.env;
// As browsers have to call; whoever can does without.
const overWeb = process.env.KEFU_OVER_WEB === "yes";

function connect(purpose: string, language: string, address = baseUrl): Transport {
  const options = { baseUrl: address, interceptors: callers({ token, purpose, language }) };
  return overWeb ? createGrpcWebTransport({ ...options, httpVersion: "2" }) : createGrpcTransport(options);
}

async function main(): Promise<void> {
  const transport = connect("integration", "zh-CN");
  const department = await callCentre(transport);
  const customer = await enterCustomer(transport, department);
  const ticket = await openTicket(transport, customer, department);
  await changeUnderOthersHands(transport, ticket);
  await allPages(transport, customer, department);
  await follow(transport, customer, department);
  await goOnWhenCut(transport, customer, department);
  await goOnWhenTheTokenEnds(transport, customer, department);
  await comeBackWhenTold(transport);
  await notDoneTwice();
  await moreThanMayBe(transport, ticket);
  await refusedInBothLanguages(ticket);
}

async function callCentre(transport: Transport): Promise<string> {
  const { departments } = await createClient(OrganisationService, transport).listDepartments({});
  const found = departments.find((one) => one.code === "call_centre");
  assert(found);
  return found.name;
}

async function enterCustomer(transport: Transport, department: string): Promise<Customer> {
  const customers = createClient(CustomerService, transport);
  const entry = {
    customer: {
      type: CustomerType.PERSON,
      businessLine: "A",
      displayName: "赵一鸣",
      department,
      externalRef: `erp-${randomUUID()}`,
      phones: [{ number: "139 0000 1111", primary: true }],
    },
    requestId: randomUUID(),
  };
  const customer = await customers.createCustomer(entry);
  // Whoever does not know whether a call got through makes it again: nothing is entered twice.
  assert.equal((await customers.createCustomer(entry)).name, customer.name);
  // The same id for something else is a mistake, and is told so.
  entry.customer.displayName = "赵二鸣";
  const refused = await refusedIs("REQUEST_ID_REUSED", () => customers.createCustomer(entry));
  assert.equal(refused.code, Code.FailedPrecondition);
  return customer;
}

async function openTicket(transport: Transport, customer: Customer, department: string): Promise<Ticket> {
  // The transport says how far it has written: the ticket service, which hears of customers from a journal, answers
  // when it has heard of this one.
  const ticket = await createClient(TicketService, transport).openTicket({
    ticket: {
      customer: customer.name,
      kind: TicketKind.CONSULTATION,
      channel: Channel.PHONE,
      department,
      impact: Level.LOW,
      urgency: Level.LOW,
      subject: "滤芯多久更换一次",
    },
  });
  console.log("opened", ticket.number);
  return ticket;
}

async function changeUnderOthersHands(transport: Transport, ticket: Ticket): Promise<void> {
  const tickets = createClient(TicketService, transport);
  const change = ({ name, etag }: Ticket, urgency: Level) =>
    tickets.updateTicket({ ticket: { name, etag, urgency }, updateMask: { paths: ["urgency"] } });

  await change(ticket, Level.MEDIUM); // somebody else was faster
  await refusedIs("ETAG_MISMATCH", () => change(ticket, Level.HIGH));
  // Read again, decide again, change again.
  const current = await tickets.getTicket({ name: ticket.name });
  assert.equal(current.urgency, Level.MEDIUM);
  const changed = await change(current, Level.HIGH);
  assert.equal(changed.urgency, Level.HIGH);
}

async function allPages(transport: Transport, customer: Customer, department: string): Promise<void> {
  const tickets = createClient(TicketService, transport);
  for (let more = 0; more < 6; more++) await openTicket(transport, customer, department);
  const numbers = new Set<string>();
  let count = 0;
  const request = { filter: `customer = "${customer.name}"`, pageSize: 3, orderBy: "received_time" };
  for await (const page of pages(tickets.listTickets, request)) {
    assert.deepEqual([page.totalKind, page.totalSize], [TotalKind.EXACT, 7]);
    for (const ticket of page.tickets) numbers.add(ticket.number);
    count++;
  }
  assert.deepEqual([count, numbers.size], [3, 7]);
  console.log(`read ${numbers.size} tickets in ${count} pages`);
}

async function follow(transport: Transport, customer: Customer, department: string): Promise<void> {
  const { watchTickets } = createClient(WatchService, transport);
  const tickets = createClient(TicketService, transport);
  const filter = `customer = "${customer.name}" AND priority = LOW`;
  let watch = new Watch(watchTickets, create(WatchTicketsRequestSchema, { filter }));
  let messages = watch[Symbol.asyncIterator]();
  await until(messages, ({ caughtUp }) => caughtUp);
  // From here on what changes is told. What there is already is listed, and held: it is told when that leaves.
  const listed: Ticket[] = [];
  for await (const page of pages(tickets.listTickets, { filter })) listed.push(...page.tickets);
  watch.hold(listed.map((ticket) => ticket.name));
  const { name, etag } = listed[0]!;
  await tickets.updateTicket({ ticket: { name, etag, urgency: Level.HIGH }, updateMask: { paths: ["urgency"] } });
  await until(messages, ({ left }) => left.includes(name));
  const opened = await openTicket(transport, customer, department);
  await toldUntil(opened.name, messages);
  // This process ends; what it has to remember is one request.
  const remembered = toBinary(WatchTicketsRequestSchema, watch.request);
  watch.close();
  const missed = await openTicket(transport, customer, department);
  // The next one goes on where this one was: what changed meanwhile is told, and nothing twice.
  watch = new Watch(watchTickets, fromBinary(WatchTicketsRequestSchema, remembered));
  messages = watch[Symbol.asyncIterator]();
  assert(!(await toldUntil(missed.name, messages)).has(opened.name));
  watch.close();
  console.log("followed: what was opened while nobody watched was told, and what left the list");
}

async function goOnWhenCut(transport: Transport, customer: Customer, department: string): Promise<void> {
  const way = await wayTo(baseUrl);
  const { watchTickets } = createClient(WatchService, connect("integration", "zh-CN", way.address));
  const filter = `customer = "${customer.name}"`;
  const watch = new Watch(watchTickets, create(WatchTicketsRequestSchema, { filter }));
  const messages = watch[Symbol.asyncIterator]();
  await until(messages, ({ caughtUp }) => caughtUp);
  for (const how of ["end", "reset"] as const) {
    way.cut(how);
    const { name } = await openTicket(transport, customer, department);
    await toldUntil(name, messages);
    console.log(`followed: over a connection that met its ${how}`);
  }
  watch.close();
  way.close();
}

async function goOnWhenTheTokenEnds(transport: Transport, customer: Customer, department: string): Promise<void> {
  let asked = 0;
  const renewing = callers({ token: () => (asked++ === 0 ? endsIn(3) : token), purpose: "integration" });
  const { watchTickets } = createClient(WatchService, calling(renewing));
  const filter = `customer = "${customer.name}"`;
  const watch = new Watch(watchTickets, create(WatchTicketsRequestSchema, { filter }));
  const messages = watch[Symbol.asyncIterator]();
  await until(messages, ({ caughtUp }) => caughtUp);
  assert.equal(asked, 1);
  // The gateway ends what the token was good for, and with the next one it goes on.
  await until(messages, ({ caughtUp }) => caughtUp && asked > 1);
  const { name } = await openTicket(transport, customer, department);
  await toldUntil(name, messages);
  watch.close();
  console.log("followed: with another token than it began with");

  // Who has no good token to begin with is not called for again.
  const stranger = callers({ token: endsIn(-1), purpose: "integration" });
  const refused = new Watch(createClient(WatchService, calling(stranger)).watchTickets, create(WatchTicketsRequestSchema));
  const { code } = await refusedIs("TOKEN_EXPIRED", () => refused[Symbol.asyncIterator]().next());
  assert.equal(code, Code.Unauthenticated);
}

function calling(interceptors: Interceptor[]): Transport {
  return overWeb
    ? createGrpcWebTransport({ baseUrl, interceptors, httpVersion: "2" })
    : createGrpcTransport({ baseUrl, interceptors });
}

/**
 * Our token, but that it is good for so many seconds more, by the key of the issuer of `kefu dev`. A token is taken for 30
 * seconds after its end, by which clocks may differ.
 */
function endsIn(seconds: number): string {
  const [header, payload = ""] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  const now = Math.floor(Date.now() / 1000);
  const begins = { iat: now - 3600, nbf: now - 3600, exp: now - 30 + seconds };
  const changed = Buffer.from(JSON.stringify({ ...claims, ...begins })).toString("base64url");
  const [, issuer = ""] = readFileSync(".kefu/keys.toml", "utf8").match(/^issuer = "(.*)"$/m) ?? [];
  // PKCS #8 with the public key in it, which OpenSSL does not read: the parts are at fixed places.
  const pkcs8 = Buffer.from(issuer, "base64");
  const [d, x] = [pkcs8.subarray(16, 48), pkcs8.subarray(-32)].map((part) => part.toString("base64url"));
  const key = createPrivateKey({ key: { kty: "OKP", crv: "Ed25519", d: d!, x: x! }, format: "jwk" });
  const signed = `${header}.${changed}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString("base64url")}`;
}

/** Waits for the message of which this holds. */
async function until(
  messages: AsyncIterator<WatchTicketsResponse>,
  holds: (message: WatchTicketsResponse) => boolean,
): Promise<void> {
  for (;;) {
    const { value, done } = await messages.next();
    assert(!done, "the watch ended");
    if (holds(value)) return;
  }
}

/** All names that are told until this one is. */
async function toldUntil(name: string, messages: AsyncIterator<WatchTicketsResponse>): Promise<Set<string>> {
  const told = new Set<string>();
  while (!told.has(name)) {
    const { value, done } = await messages.next();
    assert(!done, "the watch ended");
    for (const ticket of value.changed) told.add(ticket.name);
  }
  return told;
}

async function comeBackWhenTold(transport: Transport): Promise<void> {
  const { watchTickets } = createClient(WatchService, transport);
  const open: AbortController[] = [];
  const openAll = async () => {
    for (;;) {
      const ending = new AbortController();
      await watchTickets({}, { signal: ending.signal })[Symbol.asyncIterator]().next();
      open.push(ending);
    }
  };
  for (;;) {
    const { code, help, retryAfter } = await refusedIs("OVERLOADED", openAll);
    assert.equal(code, Code.ResourceExhausted);
    assert(retryAfter !== undefined);
    if ("limit" in help) {
      assert.equal(help["limit"], String(open.length));
      break;
    }
    await setTimeout(retryAfter); // too many calls a second, not too many answers
  }
  // A Watch waits as long as it is told, and is there when there is a place.
  void setTimeout(200).then(() => open.pop()?.abort());
  const watch = new Watch(watchTickets, create(WatchTicketsRequestSchema));
  await until(watch[Symbol.asyncIterator](), ({ caughtUp }) => caughtUp);
  watch.close();
  for (const ending of open) ending.abort();
}

async function notDoneTwice(): Promise<void> {
  // Of a change that takes no request id, what was refused before it began is done again, and what may be done is not.
  for (const [reason, expected] of [
    ["OVERLOADED", 3],
    ["POLICY_STALE", 1],
  ] as const) {
    let calls = 0;
    const watchTicket = () => {
      calls++;
      throw new ConnectError(reason, Code.Unavailable, undefined, [
        { desc: ErrorInfoSchema, value: { reason, domain: "kefu" } },
        { desc: RetryInfoSchema, value: { retryDelay: {} } },
      ]);
    };
    // In place of the suite.
    const refusing = createRouterTransport((router) => router.service(AttentionService, { watchTicket }), {
      transport: { interceptors: callers({ token, purpose: "integration", attempts: 3 }) },
    });
    await refusedIs(reason, () => createClient(AttentionService, refusing).watchTicket({ name: "tickets/…" }));
    assert.equal(calls, expected, reason);
  }
}

async function moreThanMayBe(transport: Transport, { name }: Ticket): Promise<void> {
  // The suite of this example lets one caller make 20 calls a second: `kefu dev --calls-per-second 20`.
  const interceptors = callers({ token, purpose: "integration", attempts: 1 });
  const hasty = createClient(TicketService, createGrpcTransport({ baseUrl, interceptors }));
  const calls = await Promise.allSettled(Array.from({ length: 200 }, () => hasty.getTicket({ name })));
  const refusals = calls.filter((call) => call.status === "rejected").map((call) => refusal(call.reason));
  for (const { reason, retryAfter } of refusals) assert(reason === "OVERLOADED" && retryAfter !== undefined, reason);
  assert(refusals.length > 0, "200 calls at once were not too many");
  // Whoever waits as long as RetryInfo says is answered, and `callers` do so by themselves.
  const tickets = createClient(TicketService, transport);
  for (let call = 0; call < 5; call++) assert.equal((await tickets.getTicket({ name })).name, name);
  console.log(`${refusals.length} of 200 calls at once were too many; with patience all are answered`);
}

async function refusedInBothLanguages({ name }: Ticket): Promise<void> {
  const said = { "zh-CN": "您的岗位不得为此目的查阅。", en: "no rule grants the permission for this purpose" };
  for (const [language, message] of Object.entries(said)) {
    // Service is no purpose of a system that transfers records.
    const other = createClient(TicketService, connect("service", language));
    const refused = await refusedIs("PURPOSE_NOT_ALLOWED", () => other.getTicket({ name }));
    assert.equal(refused.code, Code.PermissionDenied);
    assert.equal(refused.message, message);
    assert.match(refused.help["rule"] ?? "", /role:integration#transfer/);
    assert(refused.callId);

    const tickets = createClient(TicketService, connect("integration", language));
    const { violations } = await refusedIs("INVALID_FIELDS", () =>
      tickets.openTicket({ ticket: { subject: "?".repeat(201) } }),
    );
    const fields = new Map(violations.map((one) => [one.field, one.message]));
    assert(["ticket.customer", "ticket.kind", "ticket.subject"].every((field) => fields.has(field)));
    console.log("  every field that is wrong:", Object.fromEntries(fields));
  }
}

/** Holds that a call is refused for this reason, and says how it was told. */
async function refusedIs(reason: string, call: () => Promise<unknown>) {
  const refused = await call().then(
    () => assert.fail(`not refused as ${reason}`),
    (thrown: unknown) => refusal(thrown),
  );
  assert.equal(refused.reason, reason, refused.message);
  console.log(`refused: ${reason}: ${refused.message}`);
  return refused;
}

await main();
