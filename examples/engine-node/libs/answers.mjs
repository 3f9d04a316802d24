// The OpenAI-shaped HTTP of a model: the core passes requests on as its clients sent them.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { generator, split } from './model.mjs';

const largestBody = 32 << 20;
const dimensions = 256;

/** What a client did wrong, with the field that is wrong. */
class Refusal extends Error {
  constructor(message, param = null, status = 400) {
    super(message);
    Object.assign(this, { param, status });
  }
}

/**
 * Answers for a model.
 * @param {string} id    as the core names it
 * @param {import('./model.mjs').Model} model
 * @param {typeof import('./plugin.mjs').log} log
 */
export function handler(id, model, log) {
  const routes = { '/v1/chat/completions': complete(chat), '/v1/completions': complete(text), '/v1/embeddings': embed };
  return async (req, res) => {
    const left = new AbortController(); // the client has gone, or the instance is closed
    res.on('close', () => left.abort());
    try {
      const route = routes[req.url];
      if (!route || req.method !== 'POST') throw new Refusal(`${req.method} ${req.url} is not answered here`, null, 404);
      await route(id, model, await body(req), res, left.signal);
    } catch (err) {
      if (left.signal.aborted) return log('debug', 'client left', { model: id });
      if (!(err instanceof Refusal)) log('error', 'request', { error: String(err), stack: err.stack });
      if (res.headersSent) return res.destroy();
      const status = err.status ?? 500;
      send(res, status, { error: { message: err instanceof Refusal ? err.message : 'the engine met a fault of its own; its log has the details',
        type: status < 500 ? 'invalid_request_error' : 'server_error', param: err.param ?? null, code: null } });
    }
  };
}

function send(res, status, value) {
  res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

async function body(req) {
  const parts = [];
  let size = 0;
  for await (const part of req) {
    if ((size += part.length) > largestBody) throw new Refusal('the request is too large', null, 413);
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    throw new Refusal('the request is no JSON');
  }
}

/** The text of a message's content. */
function textOf(content, param) {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw new Refusal('content must be a text, or parts of the type "text"', param);
  return content.map((part) => {
    if (part?.type !== 'text') throw new Refusal('this engine reads nothing but text', param);
    return String(part.text);
  }).join('');
}

// The two forms of a completion: what is asked, and what a whole answer and a piece of a stream look like.
const chat = {
  prompt(ask) {
    if (!Array.isArray(ask.messages) || ask.messages.length === 0) throw new Refusal('messages must be a list with at least one message', 'messages');
    return ask.messages.map((m) => textOf(m?.content ?? '', 'messages')).join('\n');
  },
  whole: 'chat.completion',
  piece: 'chat.completion.chunk',
  answer: (content) => ({ message: { role: 'assistant', content, refusal: null } }),
  first: () => ({ delta: { role: 'assistant', content: '' } }),
  delta: (content) => ({ delta: content ? { content } : {} }),
};
const text = {
  prompt(ask) {
    const prompt = Array.isArray(ask.prompt) && ask.prompt.length === 1 ? ask.prompt[0] : ask.prompt;
    if (typeof prompt !== 'string') throw new Refusal('prompt must be a text', 'prompt');
    return prompt;
  },
  whole: 'text_completion',
  piece: 'text_completion',
  answer: (content) => ({ text: content }),
  delta: (content) => ({ text: content }),
};

/** A number of a request. */
function number(ask, name, least, most, otherwise) {
  const value = ask[name] ?? otherwise;
  if (typeof value !== 'number' || !(value >= least && value <= most)) throw new Refusal(`${name} must be a number from ${least} to ${most}`, name);
  return value;
}

function parameters(ask) {
  if (ask === null || typeof ask !== 'object') throw new Refusal('the request must be an object');
  number(ask, 'n', 1, 1, 1);
  for (const name of ['tools', 'logprobs']) {
    const value = ask[name];
    if (Array.isArray(value) ? value.length > 0 : value) throw new Refusal(`this engine has no ${name}`, name);
  }
  if ((ask.response_format?.type ?? 'text') !== 'text') throw new Refusal('this engine answers with text only', 'response_format');
  return {
    most: Math.floor(number(ask, 'max_completion_tokens', 1, 1e6, number(ask, 'max_tokens', 1, 1e6, 128))),
    temperature: number(ask, 'temperature', 0, 2, 1),
    random: generator(ask.seed ?? randomUUID()),
    stop: [ask.stop ?? []].flat().map(String).filter(Boolean),
  };
}

/** The words of an answer, one by one; returns why it ended. */
async function* generate(model, prompt, { most, temperature, random, stop }, signal) {
  const before = split(prompt);
  let said = '';
  for (let n = 0; n < most; n++) {
    await yieldToOthers(undefined, { signal }); // many requests share the one thread
    const word = model.next(before, temperature, random);
    before.push(word);
    if (before.length > 64) before.shift();
    const piece = said === '' ? word.trimStart() : word;
    said = (said + piece).slice(-1000);
    if (stop.some((s) => said.endsWith(s))) return 'stop';
    yield piece;
  }
  return 'length';
}

function complete(form) {
  return async (id, model, ask, res, signal) => {
    const p = parameters(ask);
    const prompt = form.prompt(ask);
    const head = { id: randomUUID(), created: Math.floor(Date.now() / 1000), model: id };
    const choice = (fields, finish_reason) => [{ index: 0, ...fields, logprobs: null, finish_reason }];
    const words = generate(model, prompt, p, signal);
    const prompted = split(prompt).length;
    const usage = (n) => ({ prompt_tokens: prompted, completion_tokens: n, total_tokens: prompted + n });
    const piece = async (fields) => {
      if (!res.write(`data: ${JSON.stringify({ ...head, object: form.piece, ...fields })}\n\n`)) await once(res, 'drain', { signal }); // a slow reader
    };
    if (ask.stream) {
      res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
      if (form.first) await piece({ choices: choice(form.first(), null) });
    }
    const said = [];
    let next = await words.next();
    for (; !next.done; next = await words.next()) {
      said.push(next.value);
      if (ask.stream) await piece({ choices: choice(form.delta(next.value), null) });
    }
    if (!ask.stream) return send(res, 200, { ...head, object: form.whole, choices: choice(form.answer(said.join('')), next.value), usage: usage(said.length) });
    await piece({ choices: choice(form.delta(''), next.value) });
    if (ask.stream_options?.include_usage) await piece({ choices: [], usage: usage(said.length) });
    res.end('data: [DONE]\n\n');
  };
}

async function embed(id, model, ask, res) {
  const inputs = [ask?.input].flat();
  if (inputs.length === 0 || inputs.some((input) => typeof input !== 'string')) throw new Refusal('input must be a text or a list of texts', 'input');
  const data = inputs.map((input, index) => {
    const vector = model.embed(input, dimensions);
    const embedding = ask.encoding_format === 'base64' ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector;
    return { object: 'embedding', index, embedding };
  });
  const tokens = inputs.reduce((n, input) => n + split(input).length, 0);
  send(res, 200, { object: 'list', model: id, data, usage: { prompt_tokens: tokens, total_tokens: tokens } });
}
