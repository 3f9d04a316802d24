// The contract of Engine Bay's plugins for Node.js 20 and later, on Linux and macOS: an SDK
// in one file, to be copied with certificate.mjs and plugin.proto. sdk/PROTOCOL.md says what
// each part is for. A plugin is one call of serve().
import { createServer } from 'node:http';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { selfSigned } from './certificate.mjs';

/**
 * @typedef {'invalid'|'not_found'|'unauthorized'|'unavailable'|'exhausted'|'unsupported'|'canceled'|'internal'} Code
 * @typedef {'trace'|'debug'|'info'|'warn'|'error'} Level
 *
 * @typedef {object} Configuration  what the core tells a plugin once it has started
 * @property {string} deployment  its id: "ngram", "ngram-large"
 * @property {object} settings    checked by the plugin's schema, defaults filled in
 * @property {Record<string, string>} secrets  by name; never log them
 * @property {string} runDir      private folder for sockets, emptied at the end
 * @property {string} dataDir     private folder that stays
 *
 * @typedef {object} Model
 * @property {string} id        as users name it; answers carry it as "model"
 * @property {string} dir       the model's folder
 * @property {string[]} files   absolute paths of the weights
 * @property {string} mmproj    absolute path of the vision projector, or ""
 * @property {object} manifest  the model file (schemas/model.schema.json)
 *
 * @typedef {object} Instance  a loaded model
 * @property {string[]} operations  what it answers: "chat/completions", "embeddings", …
 * @property {(req: import('node:http').IncomingMessage, res: import('node:http').ServerResponse) => void} handler
 * @property {number} [parallel]  requests at the same time; 0 is any number
 * @property {number} [memory]    bytes that it took, where known
 * @property {Promise<void>} [ended]  settles when it ends by itself; a rejection says why
 * @property {() => (void|Promise<void>)} [close]  frees what it holds
 *
 * @typedef {object} Call  what a call of the core comes with
 * @property {AbortSignal} signal  the caller left: stop, and free what was taken
 * @property {string} traceparent  W3C Trace Context of the request, or ""
 *
 * @typedef {object} Engine
 * @property {(model: Model, settings: object, call: Call & { progress: (fraction: number, note: string) => void }) => Promise<Instance>} load
 * @property {(model: Model, settings: object, call: Call) => Promise<object>} [inspect]  an InspectResponse of plugin.proto
 * @property {(call: Call) => Promise<object[]>} [models]  manifests
 *
 * @typedef {object} Importer
 * @property {(ref: string, call: Call) => Promise<{ manifest: object, files: { path: string, url: string, size?: number, sha256?: string }[] }[]>} resolve
 * @property {(words: string, limit: number, call: Call) => Promise<{ ref: string, name: string, description?: string }[]>} [search]
 *
 * @typedef {object} Plugin
 * @property {string} name      short, as the last part of the name in plugin.json
 * @property {string} version   as in plugin.json
 * @property {object} [settings]  JSON Schema of the settings
 * @property {(c: Configuration) => (void|Promise<void>)} [configure]  also when settings change
 * @property {Engine} [engine]
 * @property {Importer} [importer]
 */

/** An error that the core decides on, with one sentence for the user that says the next step. */
export class PluginError extends Error {
  /** @param {Code} code @param {string} message @param {unknown} [cause] for the log */
  constructor(code, message, cause) {
    super(message, { cause });
    this.code = code;
  }
}

const levels = ['trace', 'debug', 'info', 'warn', 'error'];
let level = 'info';
let module = 'plugin';

/** Writes one line of the log. The core shows it under the deployment's name. Never a secret. */
export function log(/** @type {Level} */ at, /** @type {string} */ message, /** @type {object} */ pairs = {}) {
  if (levels.indexOf(at) < levels.indexOf(level)) return;
  process.stderr.write(`${JSON.stringify({ ...pairs, '@level': at, '@message': message, '@module': module, '@timestamp': new Date().toISOString() })}\n`);
}

const options = { keepCase: true, longs: Number, defaults: true };
const proto = loader.loadSync(fileURLToPath(new URL('plugin.proto', import.meta.url)), options);
const v1 = grpc.loadPackageDefinition(proto).enginebay.plugin.v1;
const { 'google.rpc.Status': Status } = loader.fromJSON({ nested: { google: { nested: { rpc: { nested: { // of every gRPC's rich errors
  Status: { fields: { code: { type: 'int32', id: 1 }, message: { type: 'string', id: 2 }, details: { rule: 'repeated', type: 'Any', id: 3 } } },
  Any: { fields: { type_url: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
} } } } } }, options);

const S = grpc.status;
const statusOf = {
  invalid: S.INVALID_ARGUMENT, not_found: S.NOT_FOUND, unauthorized: S.PERMISSION_DENIED, unavailable: S.UNAVAILABLE,
  exhausted: S.RESOURCE_EXHAUSTED, unsupported: S.UNIMPLEMENTED, canceled: S.CANCELLED, internal: S.INTERNAL,
};

/** An author's error as the contract's message Error. */
function wireError(err) {
  if (err.name === 'AbortError') return { code: 'canceled', message: 'the call was called off' };
  if (err instanceof PluginError) return { code: err.code, message: err.message, cause: err.cause ? String(err.cause) : '' };
  log('error', 'fault', { error: String(err), stack: err.stack });
  return { code: 'internal', message: `plugin ${module} met a fault of its own; its log has the details`, cause: String(err) };
}

/** An author's error as the status of a call, which carries an Error in its details. */
function statusError(err) {
  const error = wireError(err);
  const code = statusOf[error.code] ?? S.INTERNAL;
  const metadata = new grpc.Metadata();
  metadata.set('grpc-status-details-bin', Status.serialize({ code, message: error.message, details: [
    { type_url: 'type.googleapis.com/enginebay.plugin.v1.Error', value: proto['enginebay.plugin.v1.Error'].serialize(error) }] }));
  return { code, details: error.message, metadata };
}

/** What an author gets with a call. */
function callOf(call) {
  const abort = new AbortController();
  call.on('cancelled', () => abort.abort());
  return { signal: abort.signal, traceparent: String(call.metadata.get('traceparent')[0] ?? '') };
}

/** One answer for one question. */
const unary = (answer) => (call, done) => {
  Promise.resolve().then(() => answer(call.request, callOf(call))).then((response) => done(null, response), (err) => done(statusError(err)));
};

/** Several answers, sent with send. */
const streaming = (answer) => (call) => {
  const send = (response) => call.cancelled || call.write(response);
  Promise.resolve().then(() => answer(call.request, callOf(call), send)).then(() => call.end(), (err) => call.emit('error', statusError(err)));
};

const bytes = (value) => Buffer.from(JSON.stringify(value));
const parse = (buffer) => (buffer.length > 0 ? JSON.parse(buffer.toString()) : {});
const modelOf = (m) => ({ ...m, manifest: parse(m.manifest) });

/** Instances of an engine, by the ids that the core chooses: loading → answering → ended. */
class Instances {
  #all = new Map();
  #closed = false;

  constructor(engine) {
    this.engine = engine;
  }

  async load(request, { signal, traceparent }, send, runDir) {
    const id = request.instance_id;
    if (this.#closed) throw new PluginError('unavailable', `plugin ${module} is ending`);
    if (!id || this.#all.has(id)) throw new PluginError('invalid', `instance id "${id}" is empty or in use`);
    const abort = new AbortController();
    signal.addEventListener('abort', () => abort.abort());
    if (signal.aborted) abort.abort();
    const entry = { abort };
    entry.ended = new Promise((resolve, reject) => { entry.end = (err) => (err ? reject(err) : resolve()); });
    entry.ended.catch(() => {}); // it may end before anybody watches
    this.#all.set(id, entry);
    const progress = (fraction, note) => send({ progress: { fraction, note } });
    const load = this.#begin(entry, request, join(runDir, `${id}.sock`), { signal: abort.signal, traceparent, progress });
    entry.loaded = load.catch(() => {}); // Unload finds it here while it loads
    try {
      send({ instance: { endpoint: await load } });
    } catch (err) {
      this.#all.delete(id);
      entry.end();
      throw err;
    }
  }

  async #begin(entry, request, socket, call) {
    const instance = await this.engine.load(modelOf(request.model), parse(request.settings), call);
    entry.instance = instance;
    try {
      entry.stop = await listen(socket, instance.handler);
      call.signal.throwIfAborted();
    } catch (err) {
      await this.#close(entry);
      throw err;
    }
    instance.ended?.then(() => entry.stop().then(() => entry.end()), (err) => entry.stop().then(() => entry.end(err)));
    return { socket, operations: instance.operations, parallel: instance.parallel ?? 0, memory: instance.memory ?? 0 };
  }

  #close(entry) {
    return (entry.closing ??= (async () => {
      await entry.instance.close?.();
      await entry.stop?.();
      entry.end();
    })());
  }

  async watch(id, send) {
    const entry = this.#all.get(id);
    if (!entry) throw new PluginError('not_found', `no instance "${id}"`);
    await entry.ended.then(() => send({}), (err) => send({ error: wireError(err) }));
  }

  async unload(id) {
    const entry = this.#all.get(id);
    if (!entry) return;
    entry.abort.abort();
    await entry.loaded;
    if (entry.instance) await this.#close(entry);
    this.#all.delete(id);
  }

  async close() {
    this.#closed = true;
    await Promise.all([...this.#all.keys()].map((id) => this.unload(id)));
  }
}

/** Serves HTTP on a socket of this user alone, until stop, which cuts off what still runs. */
async function listen(path, handler) {
  const server = createServer(handler);
  await new Promise((resolve, reject) => server.once('error', reject).listen(path, resolve));
  await chmod(path, 0o600);
  let stopped;
  return () => (stopped ??= new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  }));
}

/** Waits for a promise, but not for ever. */
const within = (ms, promise) => Promise.race([promise, new Promise((resolve) => setTimeout(resolve, ms))]);

/** Runs a plugin until the core ends it. */
export async function serve(/** @type {Plugin} */ plugin) {
  if (process.env.ENGINEBAY_PLUGIN !== 'enginebay.plugin.v1') {
    process.stderr.write(`${plugin.name} ${plugin.version} is a plugin of Engine Bay and is started by it.\n`);
    process.exit(2);
  }
  process.umask(0o077);
  module = plugin.name;
  const { engine, importer } = plugin;
  const instances = new Instances(engine);
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 16 << 20, 'grpc.max_send_message_length': 16 << 20 });

  let runDir = '';
  server.addService(v1.Plugin.service, {
    Describe: unary(() => ({
      name: plugin.name,
      version: plugin.version,
      kinds: [engine && 'engine', importer && 'importer'].filter(Boolean),
      settings_schema: plugin.settings ? bytes(plugin.settings) : Buffer.alloc(0),
      capabilities: [engine?.inspect && 'inspect', engine?.models && 'models', importer?.search && 'search'].filter(Boolean),
    })),
    Configure: unary(async (c) => {
      level = levels.includes(c.log_level) ? c.log_level : level;
      runDir = c.run_dir;
      await plugin.configure?.({ deployment: c.deployment, settings: parse(c.settings), secrets: c.secrets, runDir, dataDir: c.data_dir });
      return {};
    }),
  });
  const cannot = (what) => { throw new PluginError('unsupported', `plugin ${plugin.name} does not ${what}`); };
  if (engine) {
    server.addService(v1.Engine.service, {
      Inspect: unary((r, call) => engine.inspect?.(modelOf(r.model), parse(r.settings), call) ?? cannot('inspect models')),
      Load: streaming((r, call, send) => instances.load(r, call, send, runDir)),
      Watch: streaming((r, _call, send) => instances.watch(r.instance_id, send)),
      Unload: unary((r) => instances.unload(r.instance_id).then(() => ({}))),
      Models: unary(async (_r, call) => ({ manifests: (engine.models ? await engine.models(call) : cannot('offer models')).map(bytes) })),
    });
  }
  if (importer) {
    server.addService(v1.Importer.service, {
      Resolve: unary(async (r, call) => ({ plans: (await importer.resolve(r.ref, call)).map((p) => ({ ...p, manifest: bytes(p.manifest) })) })),
      Search: unary(async (r, call) => ({ hits: importer.search ? await importer.search(r.words, r.limit, call) : cannot('search') })),
    });
  }

  const address = join(process.env.PLUGIN_UNIX_SOCKET_DIR, `plugin${process.pid}`);
  const { key, cert, der } = selfSigned();
  const credentials = grpc.ServerCredentials.createSsl(Buffer.from(process.env.PLUGIN_CLIENT_CERT), [
    { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }], true);
  await new Promise((resolve, reject) => server.bindAsync(`unix:${address}`, credentials, (err) => (err ? reject(err) : resolve())));

  let ending;
  const end = (grace) => (ending ??= within(grace, instances.close())
    .then(() => within(200, new Promise((resolve) => server.tryShutdown(resolve)))) // what Watch says is on its way
    .finally(() => process.exit(0)));
  process.on('SIGTERM', () => end(8000));
  process.on('SIGINT', () => {}); // the terminal sends it to everybody; the core decides
  if (process.env.ENGINEBAY_LIFELINE === 'stdin') {
    process.stdin.on('close', () => end(500)).resume(); // the core is gone
  }
  process.stdout.write(`1|1|unix|${address}|grpc|${der.toString('base64').replaceAll('=', '')}\n`);
}
