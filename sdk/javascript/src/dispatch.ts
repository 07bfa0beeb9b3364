import { readFileSync } from "node:fs";
import { ConfigurationError } from "./errors.js";
import type { Settings } from "./options.js";
import type { Runtime } from "./runtime.js";

/**
 * How requests are sent: by the global `fetch`, which keeps connections open for reuse, or, where a private
 * certificate or a proxy needs it, by undici's own with a dispatcher of the same version.
 */
export function fetchFor(
  settings: Settings,
  env: NodeJS.ProcessEnv,
): { fetch: Runtime["fetch"]; close(): Promise<void> } {
  const proxy = checked(settings.proxyUrl ?? proxyFromEnvironment(settings.baseUrl, env));
  if (settings.ca === undefined && settings.caFile === undefined && proxy === undefined) {
    return { fetch: (url, init) => globalThis.fetch(url, init), close: async () => {} };
  }
  let own: Promise<{ fetch: Runtime["fetch"]; close(): Promise<void> }> | undefined;
  let closed: Promise<void> | undefined;
  const load = async () => {
    const undici = await import("undici");
    const ca = certificatesOf(settings);
    const tls = ca === undefined ? {} : { ca };
    const dispatcher =
      proxy === undefined ? new undici.Agent({ connect: tls }) : new undici.ProxyAgent({ uri: proxy, requestTls: tls });
    // undici's Response and RequestInit are those of the global fetch, declared a second time.
    const send = undici.fetch as unknown as (url: URL, init: unknown) => Promise<Response>;
    const direct = (url: URL, init: RequestInit) => send(url, Object.assign({}, init, { dispatcher }));
    return { fetch: direct, close: () => dispatcher.close() };
  };
  return {
    fetch: async (url, init) => {
      own ??= load();
      return (await own).fetch(url, init);
    },
    close: () => {
      // What could not be made needs no closing; every call has said why.
      closed ??= (async () => (await own?.catch(() => undefined))?.close())();
      return closed;
    },
  };
}

/** A proxy that can be one. Its text stays out of the message: it may hold a password. */
function checked(proxy: string | undefined): string | undefined {
  if (proxy === undefined || (URL.canParse(proxy) && /^https?:$/.test(new URL(proxy).protocol))) return proxy;
  throw new ConfigurationError({
    code: "client_misconfigured",
    message: "The proxy's URL is not usable.",
    cause: "The client cannot send requests as it is set up.",
    remedies: [
      {
        action: "fix_request",
        text: "Set proxyUrl (HTTPS_PROXY, HTTP_PROXY) to an address such as http://proxy.example.com:3128, or spare the server with NO_PROXY.",
      },
    ],
  });
}

function certificatesOf({ ca, caFile }: Settings): string | undefined {
  if (ca !== undefined || caFile === undefined) return ca;
  try {
    return readFileSync(caFile, "utf8");
  } catch (error) {
    throw new ConfigurationError({
      code: "client_misconfigured",
      message: `The certificate file ${caFile} cannot be read.`,
      cause: error instanceof Error ? error.message : "",
      remedies: [
        { action: "fix_request", text: "Set caFile (VALETKEY_CA_FILE) to a PEM file that this process may read." },
      ],
      original: error,
    });
  }
}

/** The proxy that the environment names for this server, by the conventions of curl. */
export function proxyFromEnvironment(url: URL, env: NodeJS.ProcessEnv): string | undefined {
  const host = url.hostname.toLowerCase();
  if (host === "localhost" || host === "[::1]" || /^127\./.test(host)) return undefined;
  const proxy =
    url.protocol === "https:" ? env["https_proxy"] || env["HTTPS_PROXY"] : env["http_proxy"] || env["HTTP_PROXY"];
  if (!proxy) return undefined;
  const exempt = (env["no_proxy"] || env["NO_PROXY"] || "")
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean);
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const spared = exempt.some((entry) => {
    const [name = "", onlyPort] = entry.split(/:(\d+)$/);
    if (onlyPort !== undefined && onlyPort !== port) return false;
    const suffix = name.replace(/^\*?\./, "");
    return name === "*" || host === suffix || host.endsWith(`.${suffix}`);
  });
  return spared ? undefined : proxy;
}
