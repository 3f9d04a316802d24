// The official OpenAI client: responses, and errors of each status.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import OpenAI, { BadRequestError, NotFoundError } from "openai";
import { ANSWER, BASE_URL, KEY, MODEL, QUESTION, TOOL_MODEL, assertWeather, limit, sum, weather } from "./guide.mjs";

const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 60_000 });
const respond = (input, more = {}) => client.responses.create({ model: MODEL, input, temperature: 0, max_output_tokens: 200, ...more });

describe("responses", limit, () => {
  test("create", async () => {
    const response = await respond(QUESTION);
    assert.deepEqual([response.object, response.status, response.model, response.output_text], ["response", "completed", MODEL, ANSWER]);
    assert.equal(response.usage.total_tokens, response.usage.input_tokens + response.usage.output_tokens);
  });
  test("a conversation, with instructions", async () => {
    const { question, answer } = sum(2, 3);
    const input = [{ role: "user", content: QUESTION }, { role: "assistant", content: ANSWER }, { role: "user", content: [{ type: "input_text", text: question }] }];
    assert.equal((await respond(input)).output_text.slice(0, 5), answer.slice(0, 5));
  });
  test("cut short", async () => {
    const response = await respond(QUESTION, { max_output_tokens: 16 });
    assert.deepEqual([response.status, response.incomplete_details.reason], ["incomplete", "max_output_tokens"]);
  });
  test("stream", async () => {
    const events = await Array.fromAsync(await respond(QUESTION, { stream: true }));
    assert.deepEqual(events.map((e) => e.sequence_number), events.map((_, i) => i));
    assert.deepEqual([events[0].type, events.at(-1).type], ["response.created", "response.completed"]);
    const pieces = events.filter((e) => e.type === "response.output_text.delta");
    assert.ok(pieces.length > 3 && pieces.every((e) => e.output_index === 0 && e.content_index === 0));
    assert.equal(pieces.map((e) => e.delta).join(""), ANSWER);
    assert.equal(events.at(-1).response.output[0].content[0].text, ANSWER);
  });
  test("the client's own assembly of a stream", async () => {
    const stream = client.responses.stream({ model: MODEL, input: QUESTION, temperature: 0, max_output_tokens: 200 });
    assert.equal((await stream.finalResponse()).output_text, ANSWER);
  });
  const tools = [{ type: "function", name: "report_weather", parameters: weather, strict: true }];
  for (const tool_choice of ["required", { type: "function", name: "report_weather" }])
    test(`tool call, ${JSON.stringify(tool_choice)}`, async () => {
      const { output } = await respond("What is the weather in Paris?", { model: TOOL_MODEL, tools, tool_choice });
      const [call] = output;
      assert.deepEqual([call.type, call.name], ["function_call", "report_weather"]);
      assertWeather(JSON.parse(call.arguments));
    });
  test("text.format json_schema", async () => {
    const format = { type: "json_schema", name: "weather", strict: true, schema: weather };
    assertWeather(JSON.parse((await respond("What is the weather in Paris?", { text: { format } })).output_text));
  });
});

describe("errors", limit, () => {
  const messages = [{ role: "user", content: QUESTION }];
  for (const [what, ask, status, code, param] of [
    ["no such model", () => respond(QUESTION, { model: "no-such-model" }), 404, "model_not_found", "model"],
    ["previous_response_id", () => respond(QUESTION, { previous_response_id: "resp_1" }), 400, "previous_response_not_found", "previous_response_id"],
    ["a wrong value", () => client.chat.completions.create({ model: MODEL, messages, temperature: 7 }), 400, "decimal_above_max_value", "temperature"],
    ["no messages", () => client.chat.completions.create({ model: MODEL, messages: [] }), 400, "empty_array", "messages"],
    ["an unknown tool", () => client.chat.completions.create({ model: TOOL_MODEL, messages, tools: [{ type: "function", function: { name: "a", parameters: weather } }],
      tool_choice: { type: "function", function: { name: "b" } } }), 400, "invalid_value", "tool_choice"],
    ["too long", () => client.chat.completions.create({ model: MODEL, messages: [{ role: "user", content: "word ".repeat(9000) }] }), 400, "context_length_exceeded"],
    ["an image", () => client.chat.completions.create({ model: MODEL, messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }] }] }), 400, "unsupported_content"],
    ["embeddings of a model that has none", () => client.embeddings.create({ model: MODEL, input: "x" }), 400, "unsupported_operation", "model"],
    ["rerank of a model that has none", () => client.post("/rerank", { body: { model: MODEL, query: "x", documents: ["y"] } }), 400, "unsupported_operation", "model"],
    ["no such route", () => client.post("/no/such/route", { body: {} }), 404, "unknown_url"],
  ]) test(what, () => assert.rejects(ask(), (error) => {
    assert.ok(error instanceof (status === 404 ? NotFoundError : BadRequestError), `${error.name}: ${error.message}`);
    assert.deepEqual([error.status, error.code, error.param], [status, code, param ?? null]);
    return true;
  }));
});
