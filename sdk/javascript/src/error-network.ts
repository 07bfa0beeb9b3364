// From a request that got no answer to the error that says what to do about it.

import { ConnectionError, type Remedy } from "./errors.js";

type Kind = "dns" | "refused" | "tls" | "unreachable" | "cut";

const DNS = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_NONAME", "EAI_FAIL"]);
const REFUSED = new Set(["ECONNREFUSED"]);
const UNREACHABLE = new Set(["EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT"]);
/** The names that Node gives to what OpenSSL dislikes about a certificate, and to failed handshakes. */
const TLS =
  /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CRL_|INVALID_CA|PATH_LENGTH|HOSTNAME_MISMATCH|ERROR_IN_CERT_|EPROTO)/;

/** Which codes occur in an exception and below it. */
function codesOf(error: unknown, depth = 0): string[] {
  if (depth > 5 || typeof error !== "object" || error === null) return [];
  const codes: string[] = [];
  if ("code" in error && typeof error.code === "string") codes.push(error.code);
  if ("errors" in error && Array.isArray(error.errors)) {
    for (const one of error.errors) codes.push(...codesOf(one, depth + 1));
  }
  if ("cause" in error) codes.push(...codesOf(error.cause, depth + 1));
  return codes;
}

function kindOf(codes: string[]): Kind {
  if (codes.some((code) => DNS.has(code))) return "dns";
  if (codes.some((code) => TLS.test(code))) return "tls";
  if (codes.some((code) => REFUSED.has(code))) return "refused";
  if (codes.some((code) => UNREACHABLE.has(code))) return "unreachable";
  return "cut";
}

interface Explanation {
  code: string;
  message: string;
  cause: string;
  remedies: Remedy[];
}

function explain(kind: Kind, url: URL, codes: string[]): Explanation {
  const reason = codes[0] ? ` (${codes[0]})` : "";
  const check = (text: string): Remedy => ({ action: "check_network", text });
  switch (kind) {
    case "dns":
      return {
        code: "connection_dns_failed",
        message: `The host name ${url.hostname} could not be resolved.`,
        cause: `DNS has no answer for it${reason}.`,
        remedies: [check("Check the host in envUrl (VALETKEY_URL) for a typing mistake, and this machine's DNS.")],
      };
    case "refused":
      return {
        code: "connection_refused",
        message: `Nothing accepts connections at ${url.host}.`,
        cause: `The connection was refused${reason}.`,
        remedies: [
          check(
            "Check that the Valetkey server runs and listens on this address and port, and that envUrl (VALETKEY_URL) names it.",
          ),
          check("Check that no firewall stands in between."),
        ],
      };
    case "tls":
      return {
        code: "connection_tls_failed",
        message: `No trusted TLS connection to ${url.host}.`,
        cause: `The certificate is from an unknown authority, expired or for another host, or this port does not speak TLS${reason}.`,
        remedies: [
          {
            action: "check_credentials",
            text: "For a private certificate set caFile (VALETKEY_CA_FILE) to the authority's certificate; `valetkey dev` writes the path of its own into its environment file.",
          },
          check(
            "Otherwise check the server's certificate, this machine's clock, and proxies that inspect TLS. Do not switch verification off.",
          ),
        ],
      };
    case "unreachable":
      return {
        code: "connection_failed",
        message: `${url.host} could not be reached.`,
        cause: `No connection came about${reason}.`,
        remedies: [check("Check network, firewall and proxy settings between this machine and the server.")],
      };
    case "cut":
      return {
        code: "connection_failed",
        message: `The connection to ${url.host} ended before the answer.`,
        cause: `The server, or something in between, closed it${reason}.`,
        remedies: [
          {
            action: "retry",
            text: "Send the request again; for calls that change something, check first whether it happened.",
          },
          check("If it stays, look at the server's log and at proxies in between."),
        ],
      };
  }
}

/** A request without an answer. */
export interface NetworkFailure {
  error: ConnectionError;
  /** Whether the request may have reached the server. */
  sent: boolean;
  /** Whether another attempt may help. */
  passes: boolean;
}

/** What a rejected `fetch` means. */
export function networkFailureOf(thrown: unknown, url: URL): NetworkFailure {
  const codes = codesOf(thrown);
  const kind = kindOf(codes);
  const error = new ConnectionError({ ...explain(kind, url, codes), original: thrown });
  return { error, sent: kind === "cut", passes: kind !== "tls" };
}
