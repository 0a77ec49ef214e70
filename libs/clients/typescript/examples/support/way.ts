// A way to the suite that can be cut like a cable.

import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Way {
  /** In place of the suite's own. */
  address: string;
  /** Every connection over it ends, or is reset; a new one can be made at once. */
  cut(how: "end" | "reset"): void;
  close(): void;
}

export async function wayTo(suite: string): Promise<Way> {
  const { hostname, port } = new URL(suite);
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on("error", () => undefined);
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const cut: Way["cut"] = (how) => {
    for (const socket of open) {
      if (how === "end") socket.destroy();
      else socket.resetAndDestroy();
    }
  };
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    close: () => {
      server.close();
      cut("end");
    },
  };
}
