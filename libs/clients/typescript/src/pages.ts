/** Each page of a list, to its end: `for await (const page of pages(tickets.listTickets, {}))`. */
export async function* pages<Q extends { pageToken?: string }, R extends { nextPageToken: string }>(
  list: (request: Q) => Promise<R>,
  request: Q,
): AsyncGenerator<R> {
  let page: R | undefined;
  do {
    page = await list({ ...request, pageToken: page?.nextPageToken ?? request.pageToken ?? "" });
    yield page;
  } while (page.nextPageToken !== "");
}
