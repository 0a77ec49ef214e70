import { type CallOptions, Code } from "@connectrpc/connect";
import { pause } from "./pause.js";
import { type Refusal, refusal } from "./refusal.js";

interface Asked {
  resumeToken?: string;
  held?: string[];
}

interface Told {
  changed: { name: string }[];
  left: string[];
  resumeToken: string;
  relist: boolean;
}

const LONGEST_PAUSE = 30_000;
/**
 * How broken connections are told beside UNAVAILABLE, by browsers and by Node, and by what stands between us and the
 * suite; INVALID_ARGUMENT is a message that was cut in the middle.
 */
const BROKEN = new Set([Code.Unknown, Code.Aborted, Code.Internal, Code.Canceled, Code.InvalidArgument]);

/**
 * What a Watch method tells, for as long as somebody iterates; where it breaks off it is called again with the last
 * token and the names that are held, so that nothing is missed and nothing is told for ever. What only passes is waited
 * for: a lost connection, and what the suite refuses with a time to try again. Where the caller's token has ended, it is
 * called again with the one that `callers` are given by then; one that is refused at once is thrown.
 *
 * A token that is too old is refused as INVALID_PAGE_TOKEN, and more than 5,000 held names as INVALID_FIELDS: list anew.
 */
export class Watch<Q extends Asked, R extends Told> implements AsyncIterable<R> {
  /** What is asked next: kept somewhere, a later page or process goes on where this one was. */
  request: Q;
  readonly #method: (request: Q, options?: CallOptions) => AsyncIterable<R>;
  readonly #held: Set<string>;
  readonly #ending = new AbortController();
  #call = new AbortController();
  /** There are names that the call at hand was not made with. */
  #untold = false;

  constructor(method: (request: Q, options?: CallOptions) => AsyncIterable<R>, request: Q) {
    this.#method = method;
    this.request = request;
    this.#held = new Set(request.held);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<R> {
    const { signal } = this.#ending;
    let wait = 0;
    try {
      while (!signal.aborted) {
        const call = (this.#call = new AbortController());
        this.#untold = false;
        let told = false;
        try {
          for await (const message of this.#method(this.request, { signal: call.signal })) {
            wait = 0;
            told = true;
            this.#take(message);
            yield message;
            // Without a token the next call would begin from now on.
            if (this.#untold && this.request.resumeToken) break;
          }
        } catch (thrown) {
          if (signal.aborted) return;
          const refused = refusal(thrown);
          const tokenEnded = told && refused.code === Code.Unauthenticated;
          if (!tokenEnded && !passes(refused)) throw thrown;
          const asked = refused.retryAfter ?? 0;
          wait = Math.min(Math.max(asked, wait * 2, 100), Math.max(asked, LONGEST_PAUSE));
        } finally {
          // A call does not end because nobody reads it on.
          call.abort();
        }
        await pause(wait, signal).catch(() => undefined);
      }
    } finally {
      this.close();
    }
  }

  /**
   * These are held as well, of a list that was read since a message was `caughtUp`: after the message at hand, or the
   * next, the method is called again with them, and tells which have left, and of the others when they do.
   */
  hold(names: Iterable<string>): void {
    for (const name of names) this.#held.add(name);
    this.request = { ...this.request, held: [...this.#held] };
    this.#untold = true;
  }

  /** Ends it. */
  close(): void {
    this.#ending.abort();
    this.#call.abort();
  }

  #take(message: R): void {
    if (message.relist) this.#held.clear();
    for (const record of message.changed) this.#held.add(record.name);
    for (const name of message.left) this.#held.delete(name);
    const resumeToken = message.resumeToken || this.request.resumeToken || "";
    this.request = { ...this.request, resumeToken, held: [...this.#held] };
  }
}

/** Whether it makes sense to call again. */
function passes({ code, reason, retryAfter }: Refusal): boolean {
  return retryAfter !== undefined || code === Code.Unavailable || (reason === "" && BROKEN.has(code));
}
