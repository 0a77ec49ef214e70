import { clone, type DescMessage, getOption, type Message } from "@bufbuild/protobuf";
import type { Interceptor, UnaryRequest } from "@connectrpc/connect";
import { Effect, method as policyOf } from "./kefu/policy/v1/policy_pb.js";
import { pause } from "./pause.js";
import { refusal } from "./refusal.js";
import { newRequestId } from "./request_id.js";

/** Who calls, and why. */
export interface Caller {
  /** A bearer token, or what gives one that still holds. */
  token: string | (() => string | Promise<string>);
  /** Why the records are looked at, in lower case: `service`, `integration`. */
  purpose: string;
  /** Language of refusals: `zh-CN` or `en`, which it is where nothing is said. */
  language?: string;
  /** How often a call is made in all where the suite says when to try again; 8. */
  attempts?: number;
}

const POSITION = "kefu-position";
/** With these nothing was begun, or all of it was taken back. POLICY_STALE is told also of a change that was under way. */
const NOT_BEGUN = new Set(["OVERLOADED", "ISSUER_UNAVAILABLE", "CONFLICT"]);

/**
 * Interceptors for any transport of Connect that speaks gRPC or gRPC-web.
 *
 * Writes are given a `request_id` where they have none, and each call waits until what was written through these before
 * has taken effect. Where the suite says when to try again, that is done as long as it cannot be done twice. What is
 * refused in the end is thrown; `refusal` reads it.
 */
export function callers(caller: Caller): Interceptor[] {
  /** Place of the last write in the journal of each service. */
  const written = new Map<string, string>();

  const named: Interceptor = (next) => async (request) => {
    const token = typeof caller.token === "string" ? caller.token : await caller.token();
    request.header.set("authorization", `Bearer ${token}`);
    request.header.set("kefu-purpose", caller.purpose);
    request.header.set("accept-language", caller.language ?? "en");
    if (written.size > 0) {
      request.header.set(POSITION, [...written].map(([service, place]) => `${service}:${place}`).join(", "));
    }
    const response = await next(request);
    const [service, place] = response.header.get(POSITION)?.split(":") ?? [];
    if (service && place && isLater(place, written.get(service))) written.set(service, place);
    return response;
  };

  const repeated: Interceptor = (next) => async (given) => {
    if (given.stream) return next(given);
    const request = withRequestId(given);
    for (let attempt = 0; ; attempt++) {
      try {
        return await next(request);
      } catch (thrown) {
        const { retryAfter, reason } = refusal(thrown);
        const again = retryAfter !== undefined && (canBeRepeated(request) || NOT_BEGUN.has(reason));
        if (!again || attempt + 1 >= (caller.attempts ?? 8)) throw thrown;
        // Not all at once, and ever more slowly.
        await pause(retryAfter + Math.random() * 50 * 2 ** attempt, request.signal);
      }
    }
  };
  return [repeated, named];
}

function writes(request: UnaryRequest): boolean {
  return getOption(request.method, policyOf).effect === Effect.WRITE;
}

function requestId(message: Message): string | undefined {
  return "requestId" in message && typeof message.requestId === "string" ? message.requestId : undefined;
}

function canBeRepeated(request: UnaryRequest): boolean {
  return !writes(request) || Boolean(requestId(request.message));
}

function withRequestId(request: UnaryRequest): UnaryRequest {
  if (!writes(request) || requestId(request.message) !== "") return request;
  const message = clone<DescMessage>(request.method.input, request.message);
  return { ...request, message: Object.assign(message, { requestId: newRequestId() }) };
}

/** Places are `812.55`: a transaction, and what it wrote in order. */
function isLater(place: string, than: string | undefined): boolean {
  const [first = 0n, second = 0n] = place.split(".").map(BigInt);
  const [known = -1n, after = 0n] = than?.split(".").map(BigInt) ?? [];
  return first > known || (first === known && second > after);
}
