// Works at the desk in a real Chromium, as people would, and holds what they see.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import path from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { callers } from "@kefu/client";
import { Channel } from "@kefu/client/common/v1/shared";
import { ErrorInfoSchema, RetryInfoSchema } from "@kefu/client/google/rpc/error_details";
import { StatusSchema } from "@kefu/client/google/rpc/status";
import { DownloadAttachmentRequestSchema } from "@kefu/client/ticket/v1/attachment";
import { QueueService } from "@kefu/client/ticket/v1/queue";
import { type Ticket, TicketKind } from "@kefu/client/ticket/v1/ticket";
import { TicketService } from "@kefu/client/ticket/v1/ticket_service";
import { chromium, type Page } from "playwright-core";
import { wayTo } from "../support/way.js";

const { KEFU_ADDRESS: address = "", KEFU_TOKENS = "{}", DESK_PORT = "0", CHROMIUM = "chromium" } = process.env;
const tokens: Record<string, string> = JSON.parse(KEFU_TOKENS);
const folder = import.meta.dirname;
/** Bytes before each message of gRPC: whether it is compressed, and its length. */
const FRAME_HEAD = 5;
/** Of an answer that is not the suite's own. */
const HEADERS = { "access-control-allow-origin": "*", "content-type": "application/grpc-web+proto" };

const types: Record<string, string> = { html: "text/html", css: "text/css", js: "text/javascript" };

/** The page's own host, which the gateway knows nothing of but its origin. */
async function host(port: number): Promise<{ server: Server; origin: string }> {
  const server = createServer(async (request, response) => {
    const name = path.basename(request.url ?? "") || "index.html";
    const body = await readFile(path.join(folder, name)).catch(() => undefined);
    response.writeHead(body ? 200 : 404, { "content-type": types[name.split(".").at(-1) ?? ""] ?? "text/plain" });
    response.end(body);
  });
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function login(page: Page, who: string, purpose: string, at = address): Promise<void> {
  await page.fill("[name=address]", at);
  await page.fill("[name=token]", tokens[who] ?? "");
  await page.selectOption("[name=purpose]", purpose);
  await page.click("#login button");
}

async function reads(page: Page, selector: string, text: string): Promise<void> {
  await page.locator(selector, { hasText: text }).first().waitFor({ timeout: 15_000 });
  console.log(`seen: ${text.replaceAll("\n", " ")}`);
}

/** Somebody who works beside the page. */
function beside(who: string): Transport {
  const interceptors = callers({ token: tokens[who] ?? "", purpose: "service" });
  return createGrpcTransport({ baseUrl: address, interceptors });
}

/** The agent's own words, as another system would bring them in beside the page. */
async function openBeside(customer: string, subject: string): Promise<Ticket> {
  return await createClient(TicketService, beside("li.wei")).openTicket({
    ticket: { customer, kind: TicketKind.CONSULTATION, channel: Channel.PHONE, subject },
  });
}

/** A colleague takes a ticket of the agent's over. */
async function takeOver({ name }: Ticket): Promise<void> {
  const { etag } = await createClient(TicketService, beside("li.wei")).getTicket({ name });
  await createClient(QueueService, beside("wang.fang")).takeOverTicket({ name, etag, reason: "他在休假" });
}

async function sales(page: Page): Promise<void> {
  await login(page, "wu.peng", "sales");
  await reads(page, "#customers .masked", "张*");
  await reads(page, "#customers .masked", "138****5678");
  await reads(page, "#customers .omitted", "未授权");
  await page.click("#customers button");
  await page.fill("[name=subject]", "想了解新款");
  await page.click("#open button");
  // It is not theirs to do, and they are told so.
  await reads(page, "#refused", "您的岗位没有此项权限");
  await page.screenshot({ path: path.join(folder, "sales.png") });
}

async function agent(page: Page): Promise<void> {
  const way = await wayTo(address);
  await login(page, "li.wei", "service", way.address);
  await reads(page, "#customers", "13812345678");
  assert.equal(await page.locator("#customers .masked").count(), 0, "duty on the file clears it");
  await reads(page, "#live", "实时");
  await page.click("#customers button");
  const customer = await page.inputValue("[name=customer]");
  await page.fill("[name=subject]", "滤芯多久更换一次");
  await page.click("#open button");
  await reads(page, "#tickets", "滤芯多久更换一次");
  const opened = await openBeside(customer, "电话补充：机器有异响");
  await reads(page, "#tickets", opened.number);
  console.log("seen: a ticket that was opened beside the page, without reloading it");

  way.cut("reset");
  await reads(page, "#tickets", (await openBeside(customer, "电话补充：有水渍")).number);
  console.log("seen: another, after every connection was cut");
  await leaving(page, opened);
  way.close();
}

/** A ticket that the page has only listed is taken over by somebody else. */
async function leaving(page: Page, ticket: Ticket): Promise<void> {
  // The first answer breaks off in the middle of a message.
  let watched = 0;
  await page.route("**/WatchTickets", (route) => {
    if (route.request().method() !== "POST" || ++watched > 1) return route.continue();
    return route.fulfill({ headers: HEADERS, body: Buffer.alloc(FRAME_HEAD - 1) });
  });
  await login(page, "li.wei", "service");
  const line = page.locator("#tickets tbody tr", { hasText: ticket.number });
  // The old list goes with the login, before the new one comes.
  await reads(page, "#tickets tbody", ticket.number);
  await takeOver(ticket);
  await line.waitFor({ state: "detached", timeout: 15_000 });
  assert(watched > 1, `watched ${watched} times`);
  await page.unroute("**/WatchTickets");
  console.log("seen: a ticket that was taken over has gone from the list");
}

/** How the gateway answers while a service is gone: with when to come back. */
function comeBack(): Buffer {
  const why = anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: "UPSTREAM_UNAVAILABLE", domain: "kefu" }));
  const when = anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: { seconds: 0n, nanos: 200_000_000 } }));
  const status = toBinary(StatusSchema, create(StatusSchema, { code: Code.Unavailable, details: [why, when] }));
  const details = Buffer.from(status).toString("base64");
  const trailers = Buffer.from(`grpc-status: ${Code.Unavailable}\r\ngrpc-status-details-bin: ${details}\r\n`);
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUInt8(0x80);
  head.writeUInt32BE(trailers.length, 1);
  return Buffer.concat([head, trailers]);
}

async function attachment(page: Page): Promise<void> {
  // More than one part; text, so that it is easily as long.
  const file = Buffer.from("客服附件，一行一行。\n".repeat(60_000));
  await page.locator("#tickets tr", { hasText: "滤芯" }).locator("button").click();
  await page.setInputFiles("[name=file]", { name: "conversation.txt", mimeType: "text/plain", buffer: file });
  let parts = 0;
  page.on("requestfinished", (request) => (parts += Number(request.url().endsWith("/UploadPart") && request.method() === "POST")));
  await page.click("#attach button");
  // The connection breaks late in the first download, and the service is gone at the second.
  const offsets: bigint[] = [];
  await page.route("**/DownloadAttachment", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    const message = route.request().postDataBuffer()!.subarray(FRAME_HEAD);
    offsets.push(fromBinary(DownloadAttachmentRequestSchema, message).offset);
    if (offsets.length === 2) return route.fulfill({ headers: HEADERS, body: comeBack() });
    if (offsets.length > 2) return route.continue();
    const response = await route.fetch();
    const body = await response.body();
    return route.fulfill({ response, body: body.subarray(0, (body.length * 3) / 4) });
  });
  const save = page.locator("#attached button");
  await save.waitFor({ timeout: 30_000 });
  assert(parts > 1, `uploaded in ${parts} part`);
  const [downloaded] = await Promise.all([page.waitForEvent("download"), save.click()]);
  const came = await readFile(await downloaded.path());
  const digest = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  assert.equal(digest(came), digest(file));
  assert(offsets.length === 3 && offsets[0] === 0n && offsets[1]! > 0n && offsets[2] === offsets[1], offsets.join());
  console.log(`seen: ${file.length} bytes up in ${parts} parts, and down again the same from bytes ${offsets.join(", ")} on`);
  await page.screenshot({ path: path.join(folder, "agent.png") });
}

const known = await host(Number(DESK_PORT));
const foreign = await host(0);
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"],
});
try {
  const context = await browser.newContext({ viewport: { width: 1440, height: 760 }, locale: "zh-CN" });
  const page = await context.newPage();
  page.on("pageerror", (error) => assert.fail(error));
  // A page without TLS, of another machine than this, does not have it, and can write all the same.
  await page.addInitScript(() => Reflect.deleteProperty(Crypto.prototype, "randomUUID"));
  await page.goto(known.origin);
  assert.equal(await page.evaluate(() => "randomUUID" in crypto), false);
  await sales(page);
  await agent(page);
  await attachment(page);

  // The same page of an origin that is not configured gets nothing, whatever its token.
  const stranger = await context.newPage();
  const complaints: string[] = [];
  stranger.on("console", (message) => complaints.push(message.text()));
  await stranger.goto(foreign.origin);
  await login(stranger, "li.wei", "service");
  await reads(stranger, "#refused", "未连通");
  assert.equal(await stranger.locator("#customers tbody tr").count(), 0);
  assert(complaints.some((text) => text.includes("CORS policy")), complaints.join("\n"));
  console.log("seen: another origin is refused by CORS");
} finally {
  await browser.close();
  known.server.close();
  foreign.server.close();
}
