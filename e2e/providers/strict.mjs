// A strict OAuth provider around oidc-provider: single-use refresh tokens whose reuse kills the whole grant, PKCE
// required, access tokens of seconds, revocation, introspection, userinfo, and a consent page with allow and deny.
// Beside it a tiny protected API, counters, and faults on demand:
//
//   POST /_control/faults   {"kind": "slow" | "cut" | "unavailable" | "html", "count": 3, "delay_ms": 500}
//   POST /_control/reset    forget counters, faults and the call log
//   POST /_control/revoke   {"subject": "ada"}: the user takes access away; refresh and access tokens die
//   GET  /_control/state    counters and the API call log (bearers as SHA-256 prefixes)
//
// Usage: node strict.mjs --port 4200 [--access-token-ttl 2]
import { createHash, randomUUID } from 'node:crypto';
import http from 'node:http';
import { parseArgs } from 'node:util';
import { Provider } from 'oidc-provider';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '4200' },
    'access-token-ttl': { type: 'string', default: '2' },
  },
});
const port = Number(options.port);
const issuer = `http://127.0.0.1:${port}`;
const accessTokenTtl = Number(options['access-token-ttl']);

let counters;
let calls;
let faults;
function reset() {
  counters = { token_requests: 0, code_requests: 0, codes: 0, refreshes: 0, reuses: 0, grants_revoked: 0, grant_errors: 0, refreshes_by_client: {} };
  calls = [];
  faults = [];
}
reset();

// Grants by account, so that a test can play the user who takes access away.
const grants = new Map();
async function revokeGrant(grantId) {
  for (const model of ['AccessToken', 'RefreshToken', 'AuthorizationCode']) await provider[model].adapter.revokeByGrantId(grantId);
  await provider.Grant.adapter.destroy(grantId);
}

const fingerprint = (token) => createHash('sha256').update(token).digest('hex').slice(0, 16);

const provider = new Provider(issuer, {
  clients: [],
  pkce: { required: () => true },
  scopes: ['openid', 'offline_access', 'email', 'notes.read', 'notes.write'],
  claims: { openid: ['sub'], email: ['email'] },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com` }) }),
  rotateRefreshToken: true,
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  ttl: {
    AccessToken: accessTokenTtl,
    AuthorizationCode: 60,
    IdToken: 3600,
    RefreshToken: 3600,
    Grant: 3600,
    Interaction: 600,
    Session: 3600,
    ClientCredentials: accessTokenTtl,
  },
  features: {
    devInteractions: { enabled: false },
    registration: { enabled: true, initialAccessToken: false },
    revocation: { enabled: true },
    introspection: { enabled: true },
    userinfo: { enabled: true },
    clientCredentials: { enabled: true },
    rpInitiatedLogout: { enabled: false },
  },
  responseTypes: ['code'],
  clientDefaults: {
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  },
  cookies: { keys: [randomUUID()] },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
});

// A consumed refresh token that comes again revokes the grant; the error event tells it apart from a plain mistake.
// Whatever is no refresh carried a code: renewals in the background come at any time, codes only when a test lets them.
const countCode = (ctx) => {
  if (ctx.oidc?.params?.grant_type !== 'refresh_token') counters.code_requests += 1;
};
provider.on('grant.success', (ctx) => {
  countCode(ctx);
  if (ctx.oidc.params.grant_type === 'refresh_token') {
    const client = ctx.oidc.client.clientId;
    counters.refreshes += 1;
    counters.refreshes_by_client[client] = (counters.refreshes_by_client[client] ?? 0) + 1;
  }
  if (ctx.oidc.params.grant_type === 'authorization_code') counters.codes += 1;
});
provider.on('grant.error', (ctx, error) => {
  countCode(ctx);
  counters.grant_errors += 1;
  if (/already used|reuse|consumed/i.test(`${error.error_detail}`)) counters.reuses += 1;
});
provider.on('grant.revoked', () => {
  counters.grants_revoked += 1;
});

const body = (request) =>
  new Promise((resolve, reject) => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => resolve(text));
    request.on('error', reject);
  });

const json = (response, status, value) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
};

async function interaction(request, response, url) {
  const details = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(`<!doctype html><html lang="en"><title>Strict provider</title><h1>Allow access?</h1>
<p>${details.params.client_id} asks for: ${details.params.scope ?? ''}</p>
<form method="post" action="${url.pathname}"><label>Account <input name="login" value="ada"></label>
<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></form></html>`);
    return;
  }
  const form = new URLSearchParams(await body(request));
  if (form.get('decision') !== 'allow') {
    await provider.interactionFinished(request, response, {
      error: 'access_denied',
      error_description: 'End-User aborted interaction',
    });
    return;
  }
  const accountId = form.get('login') || 'ada';
  const grant = new provider.Grant({ accountId, clientId: details.params.client_id });
  grant.addOIDCScope(details.params.scope ?? '');
  const grantId = await grant.save();
  grants.set(accountId, [...(grants.get(accountId) ?? []), grantId]);
  await provider.interactionFinished(request, response, { login: { accountId }, consent: { grantId } });
}

async function api(request, response, url) {
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const token = bearer && (await provider.AccessToken.find(bearer));
  calls.push({
    method: request.method,
    path: url.pathname + url.search,
    bearer: bearer ? fingerprint(bearer) : null,
    accepted: Boolean(token),
    subject: token?.accountId ?? null,
    headers: Object.keys(request.headers),
  });
  if (!token) return json(response, 401, { error: 'invalid_token' });
  if (request.method === 'POST') return json(response, 201, { subject: token.accountId, note: JSON.parse((await body(request)) || '{}') });
  return json(response, 200, { subject: token.accountId, email: `${token.accountId}@example.com`, scope: token.scope });
}

const handle = provider.callback();

http
  .createServer(async (request, response) => {
    const url = new URL(request.url, issuer);
    try {
      if (url.pathname === '/_control/state') return json(response, 200, { counters, calls, faults });
      if (url.pathname === '/_control/reset') {
        reset();
        return json(response, 200, {});
      }
      if (url.pathname === '/_control/faults') {
        const fault = JSON.parse(await body(request));
        for (let n = 0; n < (fault.count ?? 1); n += 1) faults.push(fault);
        return json(response, 200, { queued: faults.length });
      }
      if (url.pathname === '/_control/revoke') {
        const { subject } = JSON.parse(await body(request));
        for (const grantId of grants.get(subject) ?? []) await revokeGrant(grantId);
        return json(response, 200, {});
      }
      if (url.pathname.startsWith('/interaction/')) return await interaction(request, response, url);
      if (url.pathname.startsWith('/api/')) return await api(request, response, url);
      if (url.pathname === '/token') {
        counters.token_requests += 1;
        const fault = faults.shift();
        if (fault?.kind === 'unavailable') {
          response.writeHead(503, { 'retry-after': '2' });
          return response.end('maintenance');
        }
        if (fault?.kind === 'html') {
          response.writeHead(200, { 'content-type': 'text/html' });
          return response.end('<html>hello from a captive portal</html>');
        }
        if (fault?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.delay_ms ?? 1000));
        if (fault?.kind === 'cut') {
          // The grant is processed; the answer never arrives.
          response.write = () => true;
          response.end = () => request.socket.destroy();
        }
      }
      return await handle(request, response);
    } catch (error) {
      if (!response.headersSent) json(response, 500, { error: String(error) });
    }
  })
  .listen(port, '127.0.0.1', () => console.log(`strict provider ready at ${issuer}`));
