import type { Http, Query } from "./http.js";
import type { CallOptions } from "./options.js";

interface Page<T> {
  items?: T[];
  nextPageToken?: string | null;
}

/** Goes over all pages; the next one is asked for when it is needed. */
export async function* pages<T>(
  http: Http,
  path: string,
  query: Query,
  options: CallOptions,
): AsyncGenerator<T, void, undefined> {
  let pageToken: string | null | undefined;
  do {
    const call = { method: "GET", path, query: { ...query, page_token: pageToken }, repeatable: true };
    const page = (await http.json(call, options)) as Page<T>;
    yield* page.items ?? [];
    pageToken = page.nextPageToken;
  } while (pageToken);
}
