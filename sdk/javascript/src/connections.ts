import { segment } from "./arguments.js";
import type { Http } from "./http.js";
import type { AccountEvent, Connection, ConnectionTest, Connector } from "./models.js";
import type { CallOptions } from "./options.js";
import { pages } from "./pages.js";

const ROOT = "/v1/connect/connections";

/** What a connection is made of; `null` removes a value on update. */
export interface ConnectionFields {
  name?: string | undefined;
  clientId?: string | null | undefined;
  clientSecret?: string | null | undefined;
  scopes?: string[] | undefined;
  useSharedCredentials?: boolean | undefined;
  overrides?: Record<string, unknown> | undefined;
  variables?: Record<string, unknown> | undefined;
  enabled?: boolean | undefined;
}

/** Connections and connectors: `client.connections`. A connection is named by its name or its id. */
export class Connections {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Makes a connection. */
  async create(fields: ConnectionFields & { connector: string }, options: CallOptions = {}): Promise<Connection> {
    return (await this.#http.json(
      { method: "POST", path: ROOT, json: fields, repeatable: false },
      options,
    )) as Connection;
  }

  /** One connection; `NotFoundError` if there is none. */
  async get(connection: string, options: CallOptions = {}): Promise<Connection> {
    return (await this.#http.json(
      { method: "GET", path: this.#path(connection), repeatable: true },
      options,
    )) as Connection;
  }

  /** All connections that fit. */
  list(
    filter: { connector?: string | undefined; query?: string | undefined; pageSize?: number | undefined } = {},
    options: CallOptions = {},
  ): AsyncGenerator<Connection, void, undefined> {
    const query = { connector: filter.connector, query: filter.query, page_size: filter.pageSize };
    return pages(this.#http, ROOT, query, options);
  }

  /** Changes what is given and leaves the rest. */
  async update(connection: string, fields: ConnectionFields, options: CallOptions = {}): Promise<Connection> {
    const call = { method: "PATCH", path: this.#path(connection), json: fields, repeatable: false };
    return (await this.#http.json(call, options)) as Connection;
  }

  /** Deletes a connection. */
  async delete(connection: string, options: CallOptions = {}): Promise<void> {
    await this.#http.json({ method: "DELETE", path: this.#path(connection), repeatable: false }, options);
  }

  /** Checks a connection against its provider. */
  async test(connection: string, options: CallOptions = {}): Promise<ConnectionTest> {
    const call = { method: "POST", path: `${this.#path(connection)}/test`, repeatable: false };
    return (await this.#http.json(call, options)) as ConnectionTest;
  }

  /** The history of a connection. */
  async *listEvents(
    connection: string,
    filter: { pageSize?: number | undefined } = {},
    options: CallOptions = {},
  ): AsyncGenerator<AccountEvent, void, undefined> {
    yield* pages<AccountEvent>(this.#http, `${this.#path(connection)}/events`, { page_size: filter.pageSize }, options);
  }

  /** The providers that connections can be made for. */
  async listConnectors(options: CallOptions = {}): Promise<Connector[]> {
    const call = { method: "GET", path: "/v1/connect/connectors", repeatable: true };
    return ((await this.#http.json(call, options)) as { items: Connector[] }).items;
  }

  /** One of them. */
  async getConnector(name: string, options: CallOptions = {}): Promise<Connector> {
    const call = { method: "GET", path: `/v1/connect/connectors/${segment("name", name)}`, repeatable: true };
    return (await this.#http.json(call, options)) as Connector;
  }

  #path(connection: string): string {
    return `${ROOT}/${segment("connection", connection)}`;
  }
}
