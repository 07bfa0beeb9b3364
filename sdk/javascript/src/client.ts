import { Actions } from "./actions.js";
import { Connections } from "./connections.js";
import { DebugLog } from "./debug.js";
import { fetchFor } from "./dispatch.js";
import { Http } from "./http.js";
import { settingsOf, type ValetkeyClientOptions } from "./options.js";
import { systemRuntime } from "./runtime.js";
import { Webhooks } from "./webhooks.js";

/**
 * A client of a Valetkey server. One per process is enough: it keeps its token and its connections.
 *
 * @throws ConfigurationError if the server's URL or the credentials are missing or unusable.
 */
export class ValetkeyClient {
  /** Accounts, links, tools and executions. */
  readonly actions: Actions;
  /** Connections and connectors. */
  readonly connections: Connections;
  /** Which addresses of your app are told of events. */
  readonly webhooks: Webhooks;
  readonly #close: () => Promise<void>;

  constructor(options: ValetkeyClientOptions = {}) {
    const settings = settingsOf(options, process.env);
    const dispatch = fetchFor(settings, process.env);
    const runtime = { ...systemRuntime(options.fetch ?? dispatch.fetch), ...options.runtime };
    const http = new Http(settings, runtime, new DebugLog(settings.log));
    this.actions = new Actions(http);
    this.connections = new Connections(http);
    this.webhooks = new Webhooks(http);
    this.#close = dispatch.close;
  }

  /** Closes connections of the client's own, which it has with a private certificate or a proxy. */
  close(): Promise<void> {
    return this.#close();
  }

  /** The same as {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
