import { type CallOptions, Code } from "@connectrpc/connect";
import { pause } from "./pause.js";
import { refusal } from "./refusal.js";

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
 * What a Watch method tells, for as long as somebody iterates; where it breaks off it is called again with the last
 * token and the names that are held, so that nothing is missed and nothing is told for ever.
 *
 * A token that is too old is refused as INVALID_PAGE_TOKEN, and more than 5,000 held names as INVALID_FIELDS: list anew.
 */
export class Watch<Q extends Asked, R extends Told> implements AsyncIterable<R> {
  /** What is asked next: kept somewhere, a later page or process goes on where this one was. */
  request: Q;
  readonly #method: (request: Q, options?: CallOptions) => AsyncIterable<R>;
  readonly #held: Set<string>;
  readonly #ending = new AbortController();

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
        try {
          for await (const message of this.#method(this.request, { signal })) {
            wait = 0;
            this.#take(message);
            yield message;
          }
        } catch (thrown) {
          if (signal.aborted) return;
          const { code, retryAfter } = refusal(thrown);
          if (retryAfter === undefined && code !== Code.Unavailable) throw thrown;
          const asked = retryAfter ?? 0;
          wait = Math.min(Math.max(asked, wait * 2, 100), Math.max(asked, LONGEST_PAUSE));
        }
        await pause(wait, signal).catch(() => undefined);
      }
    } finally {
      this.close();
    }
  }

  /** Ends it. */
  close(): void {
    this.#ending.abort();
  }

  #take(message: R): void {
    if (message.relist) this.#held.clear();
    for (const record of message.changed) this.#held.add(record.name);
    for (const name of message.left) this.#held.delete(name);
    const resumeToken = message.resumeToken || this.request.resumeToken || "";
    this.request = { ...this.request, resumeToken, held: [...this.#held] };
  }
}
