// Reading JSON from the web, within bounds, and through the core where that is the only way
// out: a plugin whose network is restricted finds a proxy in ENGINEBAY_PROXY.
import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import { PluginError } from './plugin.mjs';

const patience = 30e3;
const largest = 16 << 20;

/** A connection to a server, made by the core: HTTP's CONNECT on a unix socket. */
function tunnel(proxy, url, signal) {
  const port = url.port || (url.protocol === 'https:' ? 443 : 80);
  return new Promise((resolve, reject) => {
    const ask = http.request({ socketPath: proxy, method: 'CONNECT', path: `${url.hostname}:${port}`, headers: { Host: `${url.hostname}:${port}` }, signal, agent: false });
    ask.on('error', reject).end();
    ask.on('connect', (answer, socket) => {
      if (answer.statusCode === 200) return resolve(socket);
      socket.destroy();
      const refused = answer.headers['enginebay-proxy-refused'];
      reject(refused ? new PluginError('invalid', `${url.host} ${decodeURIComponent(refused)}`) : new Error(`the core's proxy answers ${answer.statusCode}`));
    });
  });
}

async function request(url, headers, signal) {
  const proxy = process.env.ENGINEBAY_PROXY?.replace(/^unix:/, '');
  const socket = proxy && (await tunnel(proxy, url, signal));
  const secure = url.protocol === 'https:';
  const way = socket // with an agent, createConnection would not be asked
    ? { createConnection: () => (secure ? tls.connect({ socket, servername: url.hostname, ALPNProtocols: ['http/1.1'] }) : socket) }
    : { agent: false };
  return new Promise((resolve, reject) => {
    (secure ? https : http).request(url, { headers, signal, ...way }, resolve).on('error', reject).end();
  });
}

/** What a status means for a user. */
function refusal(url, status) {
  if (status === 401 || status === 403) return new PluginError('unauthorized', `${url} wants another token; name it in importers/library.json, as {"secrets": {"token": "env:NAME"}}`);
  if (status === 404) return new PluginError('not_found', `there is nothing at ${url}; look at the address in importers/library.json`);
  if (status >= 300 && status < 400) return new PluginError('invalid', `${url} leads elsewhere; write the address that it leads to into importers/library.json`);
  return new PluginError('unavailable', `${url} answers with the status ${status}; try again later`);
}

/**
 * Reads JSON. It follows no redirect: a token must not go elsewhere.
 * @param {string} address
 * @param {Record<string, string>} headers
 * @param {AbortSignal} left  the caller left
 */
export async function getJSON(address, headers, left) {
  const url = new URL(address);
  const signal = AbortSignal.any([left, AbortSignal.timeout(patience)]);
  try {
    const answer = await request(url, { Accept: 'application/json', 'User-Agent': 'importer-node', ...headers }, signal);
    const parts = [];
    let size = 0;
    for await (const part of answer) {
      if (answer.statusCode !== 200) break;
      if ((size += part.length) > largest) throw new PluginError('unavailable', `${url} is larger than ${largest} bytes`);
      parts.push(part);
    }
    answer.destroy();
    if (answer.statusCode !== 200) throw refusal(url, answer.statusCode);
    return JSON.parse(Buffer.concat(parts).toString());
  } catch (err) {
    if (err instanceof PluginError || left.aborted) throw err;
    if (err instanceof SyntaxError) throw new PluginError('unavailable', `${url} is no JSON`, err);
    throw new PluginError('unavailable', `${url} does not answer; try again later`, err);
  }
}
