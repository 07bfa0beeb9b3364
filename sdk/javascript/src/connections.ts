import { segment } from "./arguments.js";
import type { Http } from "./http.js";
import type { AccountEvent, Connection, ConnectionTest, Connector, Overrides } from "./models.js";
import type { CallOptions } from "./options.js";
import { eventQuery, pages } from "./pages.js";
import type { EventFilter } from "./requests.js";

const ROOT = "/v1/connect/connections";

/** What a connection is made of; `null` removes a value on update. */
export interface ConnectionFields {
  /** Letters, digits, `_`, `:`, space and `-`. Default: made up from the connector's name. */
  name?: string | undefined;
  /** The OAuth client at the provider. */
  clientId?: string | null | undefined;
  /** Its secret. */
  clientSecret?: string | null | undefined;
  /**
   * When that secret ends at the provider; the server tells of it in time. `null` on update: it does not end. A new
   * `clientSecret` forgets the end of the old one.
   */
  clientSecretExpiresAt?: Date | string | null | undefined;
  /** The scopes to ask for. Default: the connector's. */
  scopes?: string[] | undefined;
  /** Uses the operator-wide OAuth client instead of one of your own. */
  useSharedCredentials?: boolean | undefined;
  /** Other base URLs than the connector's. */
  overrides?: Overrides | undefined;
  /** Values for the connector's URL templates, such as a tenant. */
  variables?: Record<string, unknown> | undefined;
  /** When a user authorizes again with another account at the provider: `flag` or `refuse`. */
  identityPolicy?: "flag" | "refuse" | (string & {}) | undefined;
  /** The longest that a call may take, in milliseconds. */
  callTimeoutMs?: number | null | undefined;
  /** Default: true. */
  enabled?: boolean | undefined;
}

/** Connections and connectors: `client.connections`. A connection is named by its name or its id. */
export class Connections {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /**
   * Makes a connection.
   *
   * @throws ConflictError if the name is taken (`connection_already_exists`).
   * @throws NotFoundError if there is no such connector (`connector_not_found`).
   */
  async create(fields: ConnectionFields & { connector: string }, options: CallOptions = {}): Promise<Connection> {
    return (await this.#http.json(
      { method: "POST", path: ROOT, json: fields, repeatable: false },
      options,
    )) as Connection;
  }

  /**
   * One connection.
   *
   * @throws NotFoundError if there is none (`connection_not_found`).
   */
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
    filter: EventFilter = {},
    options: CallOptions = {},
  ): AsyncGenerator<AccountEvent, void, undefined> {
    yield* pages<AccountEvent>(this.#http, `${this.#path(connection)}/events`, eventQuery(filter), options);
  }

  /** The connectors that connections can be made for. */
  async listConnectors(options: CallOptions = {}): Promise<Connector[]> {
    const call = { method: "GET", path: "/v1/connect/connectors", repeatable: true };
    return ((await this.#http.json(call, options)) as { items: Connector[] }).items;
  }

  /**
   * One connector, by its own or its official name.
   *
   * @throws NotFoundError if there is none (`connector_not_found`).
   */
  async getConnector(name: string, options: CallOptions = {}): Promise<Connector> {
    const call = { method: "GET", path: `/v1/connect/connectors/${segment("name", name)}`, repeatable: true };
    return (await this.#http.json(call, options)) as Connector;
  }

  #path(connection: string): string {
    return `${ROOT}/${segment("connection", connection)}`;
  }
}
