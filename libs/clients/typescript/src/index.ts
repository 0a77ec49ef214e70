/**
 * Client of kefu. The messages and services are those of the contracts (`@kefu/client/ticket/v1/ticket_service`); what
 * every caller needs beside them is here.
 */
export { callers, type Caller } from "./caller.js";
export { pages } from "./pages.js";
export { refusal, type Refusal, type Violation } from "./refusal.js";
export { Watch } from "./watch.js";
