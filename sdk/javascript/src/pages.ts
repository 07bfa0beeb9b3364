import { ServerError } from "./errors.js";
import type { Http, Query } from "./http.js";
import type { SharedOptions } from "./options.js";
import type { EventFilter } from "./requests.js";

interface Page<T> {
  items?: T[];
  nextPageToken?: string | null;
}

/**
 * Goes over all pages; the next one is asked for when it is needed. The caller may take long over a page: what follows
 * the first has a time-out of its own, unless `together` puts all under one.
 */
export async function* pages<T>(
  http: Http,
  path: string,
  query: Query,
  options: SharedOptions,
  together = false,
): AsyncGenerator<T, void, undefined> {
  let pageToken: string | null | undefined;
  let own = options;
  do {
    const call = { method: "GET", path, query: { ...query, page_token: pageToken }, repeatable: true };
    const page = (await http.json(call, own)) as Page<T>;
    yield* page.items ?? [];
    // Else a server that repeats itself would be asked for ever.
    if (page.nextPageToken && page.nextPageToken === pageToken) throw goesInCircles(path);
    pageToken = page.nextPageToken;
    if (!together) own = { ...options, endsAt: undefined };
  } while (pageToken);
}

function goesInCircles(path: string): ServerError {
  return new ServerError({
    code: "response_invalid",
    message: `The list of ${path} does not end.`,
    cause: "The server names the same page as the next one.",
    remedies: [{ action: "check_network", text: "Check that nothing between here and the server keeps old answers." }],
  });
}

/** A filter of a history under the names of the wire; instants in RFC 3339. */
export function eventQuery(filter: EventFilter): Query {
  const instant = (at: Date | string | undefined) => (at instanceof Date ? at.toISOString() : at);
  return {
    kind: filter.kind,
    code: filter.code,
    since: instant(filter.since),
    until: instant(filter.until),
    page_size: filter.pageSize,
  };
}
