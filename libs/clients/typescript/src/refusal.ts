import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  LocalizedMessageSchema,
  RetryInfoSchema,
} from "./google/rpc/error_details_pb.js";

/** What is wrong with one field of the request. */
export interface Violation {
  /** Path in the request: `customer.phones[0].number`. */
  field: string;
  /** `TOO_LONG`, `REQUIRED`, … */
  reason: string;
  /** In the caller's language. */
  message: string;
}

/** Why a call was refused, or did not get through. */
export interface Refusal {
  code: Code;
  /**
   * Of `kefu.common.v1.Reason`, without its prefix: `ETAG_MISMATCH`. Empty where something between us and the suite
   * refused.
   */
  reason: string;
  /** In the caller's language. */
  message: string;
  /** Which rule refused, whom to ask. */
  help: Record<string, string>;
  /** All of them at once, with INVALID_FIELDS. */
  violations: Violation[];
  /** There where trying again makes sense: in how many milliseconds. */
  retryAfter: number | undefined;
  /** By which the suite's journals and logs know the call. */
  callId: string;
}

/** Reads what a call threw. */
export function refusal(thrown: unknown): Refusal {
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema)[0];
  const text = error.findDetails(LocalizedMessageSchema)[0];
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const fields = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  return {
    code: error.code,
    reason: info?.reason ?? "",
    message: text?.message ?? error.rawMessage,
    help: info?.metadata ?? {},
    violations: fields.map((one) => ({
      field: one.field,
      reason: one.reason,
      message: one.localizedMessage?.message ?? one.description,
    })),
    retryAfter: delay && Number(delay.seconds) * 1000 + delay.nanos / 1_000_000,
    callId: error.metadata.get("kefu-call-id") ?? "",
  };
}
