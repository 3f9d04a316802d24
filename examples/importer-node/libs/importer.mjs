// The importer: a catalogue is one JSON file, and library://NAME a model of it.
import { readFileSync } from 'node:fs';
import { PluginError, serve } from './plugin.mjs';
import { getJSON } from './web.mjs';

const json = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url)));

/** What Configure said last. A call that is under way keeps what it began with. */
let current = { catalogue: '', token: '' };

const isName = (name) => typeof name === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name);
const isSize = (size) => size === undefined || (Number.isSafeInteger(size) && size >= 0);
const isDigest = (digest) => digest === undefined || /^[0-9a-f]{64}$/.test(digest);

/** A file as the core fetches it, with the last part of its address for a name. */
function fileOf(file, catalogue) {
  const url = URL.canParse(file?.url, catalogue) && new URL(file.url, catalogue);
  const path = url && url.pathname.split('/').pop();
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || !isName(path) || !isSize(file.size) || !isDigest(file.sha256)) return null;
  return { path, url: url.href, size: file.size ?? 0, sha256: file.sha256 ?? '' };
}

/** A model of the catalogue as a plan; null where it is none. It comes from outside: nothing in it is believed unseen. */
function planOf(model, catalogue) {
  const files = Array.isArray(model?.files) ? model.files.map((file) => fileOf(file, catalogue)) : [];
  if (!isName(model?.name) || files.length === 0 || files.includes(null)) return null;
  const manifest = { id: model.name, object: 'model', name: model.name, metadata: { repository: catalogue } };
  for (const key of ['description', 'engine', 'format']) {
    if (typeof model[key] === 'string') manifest[key] = model[key];
  }
  if (typeof model.quantization === 'string') { // one of several variants
    manifest.id = `${model.name}/${model.quantization}`;
    manifest.metadata.quantization = model.quantization;
  }
  return { manifest, files };
}

/** The plans of the whole catalogue. */
async function read(signal) {
  const { catalogue, token } = current;
  if (!catalogue) throw new PluginError('unsupported', 'there is no catalogue; set catalogue in importers/library.json');
  const { models } = Object(await getJSON(catalogue, token ? { Authorization: `Bearer ${token}` } : {}, signal));
  const plans = Array.isArray(models) ? models.map((model) => planOf(model, catalogue)) : [null];
  if (plans.includes(null)) throw new PluginError('unavailable', `the catalogue ${catalogue} is wrong: each of its "models" needs a name, and "files" with addresses`);
  return plans;
}

const importer = {
  /** One plan for each variant of the model, in the catalogue's order. */
  async resolve(ref, { signal }) {
    const [, name] = /^library:\/\/([^/]+)$/i.exec(ref) ?? [];
    if (!isName(name)) throw new PluginError('invalid', 'that is no model of the catalogue; write library://NAME');
    const plans = (await read(signal)).filter(({ manifest }) => manifest.name === name);
    if (plans.length === 0) throw new PluginError('not_found', `the catalogue has no model '${name}'; look for one with: enginebay search --importer library WORDS`);
    return plans;
  },

  /** The models that have all the words in their name or description. */
  async search(words, limit, { signal }) {
    const wanted = words.toLowerCase().split(/\s+/);
    const hits = new Map();
    for (const { manifest: { name, description = '' } } of await read(signal)) {
      const text = `${name} ${description}`.toLowerCase();
      if (wanted.every((word) => text.includes(word))) hits.set(name, { ref: `library://${name}`, name, description });
    }
    return [...hits.values()].slice(0, limit);
  },
};

await serve({
  name: 'library',
  version: json('../plugin.json').version,
  settings: json('../settings.schema.json'),
  configure: ({ settings, secrets }) => { current = { catalogue: settings.catalogue ?? '', token: secrets.token ?? '' }; },
  importer,
});
