// An identity provider for people who sign in at the dashboard, around oidc-provider: one confidential client, PKCE, a
// login page that asks for the account, userinfo for the address, groups in the ID token, and a page to sign out.
//
// An account `ada` has the subject `sub-ada` and the address ada@example.com; `ada+unverified` has the same address,
// not verified; `ada@new` is another subject with ada's address. Whatever begins with `boss` is in the group `chiefs`.
//
// Usage: node identity.mjs --port 4300 --redirect-uri https://…/dashboard/sso/callback --back https://…/dashboard/login
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { parseArgs } from 'node:util';
import { Provider } from 'oidc-provider';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string' },
    'client-secret': { type: 'string' },
    'redirect-uri': { type: 'string' },
    back: { type: 'string' },
  },
});
const issuer = `http://127.0.0.1:${options.port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'valetkey-dashboard',
      client_secret: options['client-secret'],
      redirect_uris: [options['redirect-uri']],
      post_logout_redirect_uris: [options.back],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    },
  ],
  pkce: { required: () => true },
  scopes: ['openid', 'email', 'profile'],
  claims: { openid: ['sub', 'groups'], email: ['email', 'email_verified'], profile: ['name'] },
  findAccount: (_ctx, id) => {
    const [person] = id.split(/[+@]/);
    return {
      accountId: id,
      claims: () => ({
        sub: `sub-${id}`,
        email: `${person}@example.com`,
        email_verified: !id.endsWith('+unverified'),
        name: person[0].toUpperCase() + person.slice(1),
        groups: person.startsWith('boss') ? ['chiefs'] : ['staff'],
      }),
    };
  },
  features: {
    devInteractions: { enabled: false },
    userinfo: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  cookies: { keys: [randomUUID()] },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
});

const body = (request) =>
  new Promise((resolve, reject) => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => resolve(text));
    request.on('error', reject);
  });

async function interaction(request, response, url) {
  const details = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(`<!doctype html><html lang="en"><title>Identity provider</title><h1>Who are you?</h1>
<form method="post" action="${url.pathname}"><label>Account <input name="login" value="ada"></label>
<button name="decision" value="allow">Sign in</button> <button name="decision" value="deny">Cancel</button></form></html>`);
    return;
  }
  const form = new URLSearchParams(await body(request));
  if (form.get('decision') !== 'allow') {
    const error = { error: 'access_denied', error_description: 'End-User aborted interaction' };
    await provider.interactionFinished(request, response, error);
    return;
  }
  const accountId = form.get('login');
  const grant = new provider.Grant({ accountId, clientId: details.params.client_id });
  grant.addOIDCScope(details.params.scope);
  await provider.interactionFinished(request, response, { login: { accountId }, consent: { grantId: await grant.save() } });
}

const handle = provider.callback();

http
  .createServer(async (request, response) => {
    const url = new URL(request.url, issuer);
    try {
      if (url.pathname.startsWith('/interaction/')) return await interaction(request, response, url);
      return await handle(request, response);
    } catch (error) {
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end(String(error));
    }
  })
  .listen(Number(options.port), '127.0.0.1', () => console.log(`identity provider ready at ${issuer}`));
