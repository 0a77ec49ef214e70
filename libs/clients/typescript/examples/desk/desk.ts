// A page of customer service, straight on the gateway: gRPC-web from the browser, nothing between.

import { create } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { callers, pages, refusal, Watch } from "@kefu/client";
import { Channel } from "@kefu/client/common/v1/shared";
import { type Customer } from "@kefu/client/profile/v1/customer";
import { CustomerService } from "@kefu/client/profile/v1/customer_service";
import { type Attachment, Level, Priority, type Ticket, TicketKind, TicketState } from "@kefu/client/ticket/v1/ticket";
import { AttachmentService } from "@kefu/client/ticket/v1/attachment";
import { TicketService } from "@kefu/client/ticket/v1/ticket_service";
import { WatchService, WatchTicketsRequestSchema } from "@kefu/client/ticket/v1/watch";

const find = <T extends HTMLElement>(selector: string) => document.querySelector<T>(selector)!;
const form = (id: string) => find<HTMLFormElement>(`#${id}`);
const field = (id: string, name: string) => form(id).elements.namedItem(name) as HTMLInputElement;

const states: Record<TicketState, string> = {
  [TicketState.UNSPECIFIED]: "",
  [TicketState.NEW]: "新建",
  [TicketState.OPEN]: "处理中",
  [TicketState.PENDING]: "等待",
  [TicketState.RESOLVED]: "已解决",
  [TicketState.CLOSED]: "已关闭",
};
const priorities: Record<Priority, string> = {
  [Priority.UNSPECIFIED]: "",
  [Priority.LOW]: "低",
  [Priority.MODERATE]: "中",
  [Priority.HIGH]: "高",
  [Priority.CRITICAL]: "紧急",
};

let ended: (() => void) | undefined;

when("login", async () => {
  ended?.();
  const transport = connect(
    field("login", "address").value,
    field("login", "token").value,
    field("login", "purpose").value,
  );
  when("open", () => open(transport));
  when("attach", () => attach(transport));
  find("#tickets tbody").replaceChildren();
  await customers(transport);
  follow(transport);
});

function connect(baseUrl: string, token: string, purpose: string): Transport {
  return createGrpcWebTransport({ baseUrl, interceptors: callers({ token, purpose, language: "zh-CN" }) });
}

async function customers(transport: Transport): Promise<void> {
  const rows: HTMLElement[] = [];
  for await (const page of pages(createClient(CustomerService, transport).listCustomers, { pageSize: 50 })) {
    find("#total").textContent = `共 ${page.totalSize}`;
    rows.push(...page.customers.map(customerRow));
  }
  find("#customers tbody").replaceChildren(...rows);
}

function customerRow(customer: Customer): HTMLElement {
  const choose = button("选择", () => (field("open", "customer").value = customer.name));
  return row(
    customer.fileNumber,
    shown(customer, "display_name", customer.displayName),
    shown(customer, "phones.number", customer.phones[0]?.number),
    shown(customer, "id_card", customer.idCard),
    shown(customer, "addresses.street", customer.addresses[0]?.street),
    choose,
  );
}

// What the answer itself says of a field: masked, left out, or as it stands in the file.
function shown(customer: Customer, path: string, value: string | undefined): HTMLElement {
  const text = document.createElement("span");
  text.textContent = value ?? "";
  if (customer.disclosure?.maskedFields.includes(path)) {
    text.className = "masked";
  } else if (customer.disclosure?.omittedFields.includes(path)) {
    text.className = "omitted";
    text.textContent = "未授权";
  }
  return text;
}

async function open(transport: Transport): Promise<void> {
  await createClient(TicketService, transport).openTicket({
    ticket: {
      customer: field("open", "customer").value,
      kind: TicketKind.CONSULTATION,
      channel: Channel.ONLINE,
      impact: Level.LOW,
      urgency: Level.MEDIUM,
      subject: field("open", "subject").value,
    },
  });
  field("open", "subject").value = "";
}

// The list as it is, and then as it changes: watched first, so that nothing falls between; and what was listed is held,
// as of what it has not shown itself a watch tells only then that it left.
function follow(transport: Transport): void {
  const { watchTickets } = createClient(WatchService, transport);
  const watch = new Watch(watchTickets, create(WatchTicketsRequestSchema));
  ended = () => watch.close();
  const following = told(async () => {
    let listed = false;
    for await (const message of watch) {
      if (message.relist) listed = false;
      if (!listed && message.caughtUp) {
        watch.hold(await tickets(transport));
        listed = true;
        continue;
      }
      message.changed.forEach(ticketRow);
      for (const name of message.left) document.getElementById(name)?.remove();
      find("#live").textContent = message.caughtUp ? "实时" : "…";
    }
  });
  void following.then(() => (find("#live").textContent = ""));
}

// Every page, in the place of whatever was shown; their names.
async function tickets(transport: Transport): Promise<string[]> {
  const { listTickets } = createClient(TicketService, transport);
  const listed: Ticket[] = [];
  for await (const page of pages(listTickets, { orderBy: "received_time" })) listed.push(...page.tickets);
  find("#tickets tbody").replaceChildren();
  listed.forEach(ticketRow);
  return listed.map((ticket) => ticket.name);
}

function ticketRow(ticket: Ticket): void {
  const choose = button("选择", () => (field("attach", "ticket").value = ticket.name));
  const line = row(ticket.number, ticket.subject, states[ticket.state], priorities[ticket.priority], choose);
  line.id = ticket.name;
  document.getElementById(ticket.name)?.remove();
  find("#tickets tbody").prepend(line);
}

async function attach(transport: Transport): Promise<void> {
  const file = field("attach", "file").files![0]!;
  const attachment = await upload(transport, field("attach", "ticket").value, file);
  const save = button(`下载 ${attachment.fileName}`, () =>
    told(async () => {
      const whole = await download(transport, attachment);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(whole);
      link.download = attachment.fileName;
      link.click();
    }),
  );
  find("#attached").replaceChildren(save);
}

// Browsers cannot stream a request: a file goes up in parts, each a call of its own.
async function upload(transport: Transport, ticket: string, file: File): Promise<Attachment> {
  const attachments = createClient(AttachmentService, transport);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { name, partBytes } = await attachments.startAttachment({
    ticket,
    fileName: file.name,
    contentType: file.type,
    sizeBytes: BigInt(bytes.length),
    sha256: new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)),
  });
  for (let offset = 0; offset < bytes.length; offset += partBytes) {
    const data = bytes.subarray(offset, offset + partBytes);
    await attachments.uploadPart({ name, offset: BigInt(offset), data });
    find<HTMLProgressElement>("progress").value = (offset + data.length) / bytes.length;
  }
  return attachments.finishAttachment({ name });
}

// It comes down as a stream; where that breaks off it goes on from the byte that is missing, as soon as the suite says.
async function download(transport: Transport, { name, sizeBytes, contentType }: Attachment): Promise<Blob> {
  const attachments = createClient(AttachmentService, transport);
  const parts: BlobPart[] = [];
  let offset = 0n;
  for (let attempt = 1; offset < sizeBytes; attempt++) {
    try {
      for await (const { data } of attachments.downloadAttachment({ name, offset })) {
        parts.push(new Uint8Array(data));
        offset += BigInt(data.length);
      }
    } catch (thrown) {
      const { reason, retryAfter } = refusal(thrown);
      if (attempt === 5 || (reason !== "" && retryAfter === undefined)) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, retryAfter ?? 0));
    }
  }
  return new Blob(parts, { type: contentType });
}

// A refusal is for people to read: the suite says it in their language.
async function told(action: () => Promise<void>): Promise<void> {
  const refused = find("#refused");
  refused.hidden = true;
  try {
    await action();
  } catch (thrown) {
    const { reason, message, violations, help } = refusal(thrown);
    const fields = violations.map((one) => `${one.field}：${one.message}`);
    const ask = help["ask"] ? [`请联系：${help["ask"]}`] : [];
    refused.textContent = [`${message}（${reason || "未连通"}）`, ...fields, ...ask].join("\n");
    refused.hidden = false;
  }
}

function when(id: string, action: () => Promise<void>): void {
  form(id).onsubmit = (event) => {
    event.preventDefault();
    void told(action);
  };
}

function button(text: string, action: () => unknown): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.onclick = action;
  return made;
}

function row(...cells: (string | HTMLElement)[]): HTMLTableRowElement {
  const line = document.createElement("tr");
  for (const cell of cells) line.insertCell().append(cell);
  return line;
}
