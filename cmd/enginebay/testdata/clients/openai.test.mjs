// The official OpenAI client against a running server, as a user would point it there:
//
//	BASE_URL=http://127.0.0.1:1337/v1 MODEL=tiny-guide npm test
//
// MODEL is the tiny-guide model, whose answers at temperature 0 are known to the letter.
// Optional: EMBED_MODEL and TOOL_MODEL (else MODEL), MODEL_SLASH (an id with a slash), OPENAI_API_KEY.
// TOOL_MODEL must run with a chat template that knows tool calls, such as tools.jinja beside this file:
// with tiny-guide's own template llama-server (b11669) takes no notice of tools, not even of "required".
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import OpenAI, { APIUserAbortError, BadRequestError, NotFoundError } from "openai";
import { ANSWER, BASE_URL, EMBED_MODEL, KEY, MODEL, MODEL_SLASH, QUESTION, TOOL_MODEL, assertWeather, limit, sum, weather } from "./guide.mjs";

// No retries: the client would hide a first 5xx or a dropped connection behind its second try.
const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 60_000 });
const ABOUT = { question: QUESTION, answer: ANSWER };
const user = (content) => [{ role: "user", content }];
const chat = (question, more = {}, options) =>
  client.chat.completions.create({ model: MODEL, messages: user(question), temperature: 0, max_tokens: 200, ...more }, options);

// The client reads error.code and error.message from the body: an error of another shape leaves them empty.
const rejected = (kind, status, code) => (error) => {
  assert.ok(error instanceof kind, `${error.name} ${error.status}: ${error.message}`);
  assert.equal(error.status, status);
  assert.ok(typeof error.error?.message === "string" && error.error.message !== "", "no error.message in the body");
  if (code) assert.equal(error.code, code);
  return true;
};

describe("models", limit, () => {
  test("list", async () => {
    const ids = [];
    for await (const model of client.models.list()) {
      assert.equal(model.object, "model");
      ids.push(model.id);
    }
    assert.ok(ids.includes(MODEL), `${MODEL} is not among ${ids}`);
    assert.equal(new Set(ids).size, ids.length, `an id occurs twice in ${ids}`);
  });
  for (const id of [MODEL, MODEL_SLASH].filter(Boolean)) test(`retrieve ${id}`, async () => {
    const model = await client.models.retrieve(id); // the client sends a slash as %2F
    assert.deepEqual([model.id, model.object], [id, "model"]);
  });
  test("retrieve one that is not there", () =>
    assert.rejects(client.models.retrieve("no-such-model"), rejected(NotFoundError, 404, "model_not_found")));
});

describe("chat", limit, () => {
  for (const { question, answer } of [ABOUT, sum(2, 3)]) test(question, async () => {
    const { object, model, choices: [{ message, finish_reason }], usage } = await chat(question);
    assert.deepEqual([object, model], ["chat.completion", MODEL]);
    assert.deepEqual([message.role, message.content, finish_reason], ["assistant", answer, "stop"]);
    assert.ok(usage.prompt_tokens > 0 && usage.completion_tokens > 0);
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  });
  test("max_tokens is kept", async () => {
    const { choices: [choice], usage } = await chat(ABOUT.question, { max_tokens: 6 });
    assert.deepEqual([choice.finish_reason, usage.completion_tokens], ["length", 6]);
    assert.ok(ABOUT.answer.startsWith(choice.message.content));
  });
  test("eight at once", async () => {
    const asked = Array.from({ length: 8 }, (_, i) => sum(i + 1, 9 - i));
    const completions = await Promise.all(asked.map(({ question }) => chat(question)));
    assert.deepEqual(completions.map((c) => c.choices[0].message.content), asked.map(({ answer }) => answer));
  });
});

describe("stream", limit, () => {
  test("same text, in pieces, with usage", async () => {
    const stream = await chat(ABOUT.question, { stream: true, stream_options: { include_usage: true } });
    const chunks = await Array.fromAsync(stream);
    const texts = chunks.map((c) => c.choices[0]?.delta.content).filter(Boolean);
    assert.ok(texts.length > 3, `${texts.length} pieces of text`);
    assert.equal(texts.join(""), ABOUT.answer);
    assert.ok(chunks.every((c) => c.object === "chat.completion.chunk" && c.id === chunks[0].id && c.model === MODEL));
    const reasons = chunks.flatMap((c) => c.choices).map((choice) => choice.finish_reason);
    assert.equal(reasons.pop(), "stop");
    assert.ok(reasons.every((reason) => reason === null), "finish_reason before the last choice");
    const last = chunks.at(-1); // the one chunk that carries the usage has no choices
    assert.deepEqual(last.choices, []);
    assert.ok(last.usage.completion_tokens >= texts.length);
  });
  test("no usage unless asked for", async () => {
    const chunks = await Array.fromAsync(await chat(sum(2, 3).question, { stream: true }));
    assert.ok(chunks.every((c) => c.choices.length === 1 && !c.usage));
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
  });
  test("abort in the middle", async () => {
    const max_tokens = 1500;
    const endless = Object.fromEntries([256, 257, 258].map((control) => [control, -100])); // it cannot end by itself
    const stream = await chat(ABOUT.question, { stream: true, max_tokens, logit_bias: endless });
    let pieces = 0;
    for await (const _ of stream) if (++pieces === 3) stream.controller.abort();
    assert.ok(pieces >= 3 && pieces < max_tokens, `${pieces} pieces`);
    assert.equal((await chat(sum(2, 3).question)).choices[0].message.content, sum(2, 3).answer);
  });
  test("abort before the first byte", async () => {
    const controller = new AbortController();
    const answer = chat(ABOUT.question, { stream: true }, { signal: controller.signal });
    controller.abort();
    await assert.rejects(answer, APIUserAbortError);
  });
});

describe("constrained", limit, () => {
  const report = { name: "report_weather", description: "Tell the weather.", parameters: weather };
  const tools = { tools: [{ type: "function", function: report }], tool_choice: "required", parallel_tool_calls: false };
  const request = { model: TOOL_MODEL, max_tokens: 300, ...tools };
  const assertCall = ({ message, finish_reason }) => {
    assert.equal(finish_reason, "tool_calls");
    assert.equal(message.tool_calls.length, 1);
    const [call] = message.tool_calls;
    assert.ok(call.id, "no id to answer to");
    assert.deepEqual([call.type, call.function.name], ["function", report.name]);
    assertWeather(JSON.parse(call.function.arguments));
  };
  test("tool call", async () => assertCall((await chat("What is the weather in Paris?", request)).choices[0]));
  test("tool call, streamed", async () => {
    const stream = client.chat.completions.stream({ ...request, temperature: 0, messages: user("What is the weather in Oslo?") });
    assertCall((await stream.finalChatCompletion()).choices[0]);
  });
  test("response_format json_schema", async () => {
    const response_format = { type: "json_schema", json_schema: { name: "weather", strict: true, schema: weather } };
    const { choices: [{ message, finish_reason }] } = await chat("What is the weather in Paris?", { response_format });
    assert.equal(finish_reason, "stop");
    assertWeather(JSON.parse(message.content));
  });
});

test("legacy completions", limit, async () => {
  const prompt = `<|im_start|>user\n${sum(2, 3).question}<|im_end|>\n<|im_start|>assistant\n`;
  const completion = await client.completions.create({ model: MODEL, prompt, temperature: 0, max_tokens: 40 });
  assert.deepEqual([completion.object, completion.model], ["text_completion", MODEL]);
  assert.equal(completion.choices[0].text, sum(2, 3).answer);
});

describe("embeddings", limit, () => {
  const inputs = ["What is a plugin?", "the capital of France", "2 + 3"];
  const embed = async (input, more) => (await client.embeddings.create({ model: EMBED_MODEL, input, ...more })).data;
  const close = (a, b) => a.length === b.length && a.every((x, i) => Math.abs(x - b[i]) < 1e-3);

  test("one string: default (base64 on the wire), float and base64 agree", async () => {
    const [{ embedding, index }] = await embed(inputs[0]);
    const [{ embedding: floats }] = await embed(inputs[0], { encoding_format: "float" });
    const [{ embedding: base64 }] = await embed(inputs[0], { encoding_format: "base64" });
    assert.equal(index, 0);
    assert.ok(floats.length > 0 && floats.every(Number.isFinite) && floats.some((x) => x !== 0));
    assert.ok(close(embedding, floats), "default and float differ");
    assert.equal(typeof base64, "string");
    const bytes = new Uint8Array(Buffer.from(base64, "base64"));
    assert.ok(close([...new Float32Array(bytes.buffer)], floats), "base64 and float differ");
  });
  test("several strings: one vector each, in order", async () => {
    const alone = await Promise.all(inputs.map(async (input) => (await embed(input))[0].embedding));
    const together = await embed(inputs);
    assert.deepEqual(together.map((e) => e.index), [0, 1, 2]);
    together.forEach(({ embedding }, i) =>
      assert.deepEqual(alone.map((vector) => close(vector, embedding)), [0, 1, 2].map((k) => k === i), `vector ${i}`));
  });
});

describe("refused", limit, () => {
  const create = (body) => client.chat.completions.create({ max_tokens: 16, ...body });
  const messages = user("Hello");
  test("unknown model", () =>
    assert.rejects(create({ model: "no-such-model", messages }), rejected(NotFoundError, 404, "model_not_found")));
  test("unknown model, streamed", () =>
    assert.rejects(create({ model: "no-such-model", messages, stream: true }), rejected(NotFoundError, 404, "model_not_found")));
  for (const [what, body] of Object.entries({
    "messages missing": { model: MODEL },
    "messages not a list": { model: MODEL, messages: "Hello" },
    "message not an object": { model: MODEL, messages: ["Hello"] },
    "model empty": { model: "", messages },
    "model missing": { messages },
    "model not a string": { model: 7, messages },
  })) test(what, () => assert.rejects(create(body), rejected(BadRequestError, 400)));
});
