// The engine: a model is a text file, and loading it is reading and counting its words.
import { createReadStream, readFileSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { handler } from './answers.mjs';
import { Model } from './model.mjs';
import { log, PluginError, serve } from './plugin.mjs';

const json = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url)));
const settingsSchema = json('../settings.schema.json');
const operations = ['chat/completions', 'completions', 'embeddings'];
const memoryPerByte = 40; // of the text; measured with prose and order 3

/** The settings of a model. The core has checked them by the schema; other callers have not. */
function settingsOf(settings) {
  const read = {};
  for (const [name, property] of Object.entries(settingsSchema.properties)) {
    const value = settings[name] ?? property.default;
    if (!Number.isInteger(value) || value < property.minimum || value > (property.maximum ?? Infinity)) {
      throw new PluginError('invalid', `setting ${name} must be a whole number from ${property.minimum}; it is ${JSON.stringify(value)}`);
    }
    read[name] = value;
  }
  return read;
}

/** Says why a file is no model of this engine; '' where it is one. */
async function unfit(files) {
  if (files.length !== 1) return `a model of this engine is one text file, and this one has ${files.length} files`;
  const file = await open(files[0]);
  try {
    const head = Buffer.alloc(64 << 10);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    new TextDecoder('utf-8', { fatal: true }).decode(head.subarray(0, bytesRead), { stream: true });
    return head.subarray(0, bytesRead).includes(0) ? 'the file is no text' : '';
  } catch (err) {
    if (err instanceof TypeError) return 'the file is no text in UTF-8';
    throw err;
  } finally {
    await file.close();
  }
}

/** Turns what the file system says into something that a user can act on. */
function explain(err) {
  if (err.code === 'ENOENT') return new PluginError('not_found', 'the text of the model is not there; pull the model again', err);
  if (err.code === 'EACCES' || err.code === 'EPERM') return new PluginError('invalid', 'the text of the model cannot be read; look at its permissions', err);
  return err;
}

/** Reads and learns a text, no faster than it may. */
async function learn(file, size, settings, { signal, progress }) {
  const model = new Model(settings.order);
  const rate = settings.read_bytes_per_second;
  const decoder = new TextDecoder();
  const highWaterMark = rate > 0 ? Math.max(1, Math.min(rate, 64 << 10)) : 64 << 10;
  let read = 0;
  for await (const chunk of createReadStream(file, { signal, highWaterMark })) {
    model.learn(decoder.decode(chunk, { stream: true }));
    read += chunk.length;
    progress(Math.min(read / size, 1), 'counting words');
    if (rate > 0) await sleep((1000 * chunk.length) / rate, undefined, { signal });
  }
  model.learn(decoder.decode(), true);
  if (model.empty) throw new PluginError('invalid', 'the text of the model has no words');
  return model;
}

const engine = {
  async inspect(model, settings) {
    settingsOf(settings);
    try {
      const reason = await unfit(model.files);
      if (reason) return { reasons: [reason] };
      return { operations, memory: memoryPerByte * (await stat(model.files[0])).size };
    } catch (err) {
      throw explain(err);
    }
  },

  async load(model, settings, call) {
    const s = settingsOf(settings);
    try {
      const reason = await unfit(model.files);
      if (reason) throw new PluginError('unsupported', reason);
      const { size } = await stat(model.files[0]);
      if (size > s.largest_bytes) {
        throw new PluginError('exhausted', `the text has ${size} bytes, and the engine loads ${s.largest_bytes}; set largest_bytes in engines/ngram.json`);
      }
      const learned = await learn(model.files[0], size, s, call);
      log('info', 'model loaded', { model: model.id, bytes: size });
      return { operations, handler: handler(model.id, learned, log), memory: memoryPerByte * size };
    } catch (err) {
      throw explain(err);
    }
  },
};

await serve({ name: 'ngram', version: json('../plugin.json').version, settings: settingsSchema, engine });
