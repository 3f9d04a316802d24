// The official Cohere client against cmd/provider: what the fake says is what the client reads of the real service.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CohereClientV2, CohereError, Cohere } from "cohere-ai";

const url = process.env.PROVIDER_URL;
const options = { timeout: 60_000, skip: url ? false : "PROVIDER_URL is not set" };
const model = "command-a-03-2025";
const client = (token = "k") => new CohereClientV2({ environment: `${url}/cohere`, token, maxRetries: 0 });
const ask = (content, more) => ({ model, messages: [{ role: "user", content }], ...more });
const tools = [{ type: "function", function: { name: "weather", description: "The weather of a town.", parameters: { type: "object", properties: { town: { type: "string" } }, required: ["town"] } } }];
const rejected = (kind, message) => (error) => {
  assert.ok(error instanceof kind && error instanceof CohereError, `${error.name} ${error.statusCode}: ${error.message}`);
  assert.match(error.body.message, message);
  return true;
};

// streamed is what a stream adds up to.
async function streamed(request) {
  const sum = { text: "", thinking: "", plan: "", calls: [], types: new Set() };
  for await (const event of await client().chatStream(request)) {
    sum.types.add(event.type);
    const message = event.delta?.message;
    if (event.type === "content-delta") { sum.text += message.content.text ?? ""; sum.thinking += message.content.thinking ?? ""; }
    if (event.type === "tool-plan-delta") sum.plan += message.toolPlan;
    if (event.type === "tool-call-start") sum.calls[event.index] = { ...message.toolCalls.function, id: message.toolCalls.id };
    if (event.type === "tool-call-delta") sum.calls[event.index].arguments += message.toolCalls.function.arguments;
    if (event.type === "message-end") Object.assign(sum, event.delta);
  }
  return sum;
}

describe("a provider as Cohere", options, () => {
  test("models, page by page", async () => {
    const first = await client().models.list({ pageSize: 2 });
    assert.deepEqual(first.models.map((m) => [m.name, m.endpoints.includes("chat")]), [["command-a-03-2025", true], ["embed-v4.0", false]]);
    const second = await client().models.list({ pageSize: 2, pageToken: first.nextPageToken });
    assert.deepEqual([second.models.map((m) => m.name), second.nextPageToken], [["rerank-v3.5"], undefined]);
    assert.equal((await client().models.get(model)).contextLength, 128000);
  });
  test("chat", async () => {
    const answer = await client().chat(ask("three words here"));
    assert.deepEqual([answer.finishReason, answer.message.content], ["COMPLETE", [{ type: "text", text: "three words here" }]]);
    assert.equal(answer.usage.tokens.outputTokens, 3);
    const sum = await streamed(ask("three words here"));
    assert.deepEqual([sum.text, sum.finishReason, sum.usage.billedUnits.inputTokens], ["three words here", "COMPLETE", 3]);
    assert.deepEqual([...sum.types], ["message-start", "content-start", "content-delta", "content-end", "message-end"]);
  });
  test("ends", async () => {
    assert.equal((await client().chat(ask("one two three", { maxTokens: 2 }))).finishReason, "MAX_TOKENS");
    assert.equal((await client().chat(ask("one two three", { stopSequences: ["two"] }))).finishReason, "STOP_SEQUENCE");
  });
  test("thinking", async () => {
    assert.deepEqual((await client().chat(ask("a b", { thinking: { type: "enabled" } }))).message.content.map((c) => c.type), ["thinking", "text"]);
    assert.deepEqual([(await streamed(ask("a b", { thinking: { type: "enabled" } }))).thinking], ["Hm, a b"]);
  });
  test("image", async () => {
    const answer = await client().chat(ask([{ type: "text", text: "see" }, { type: "image_url", imageUrl: { url: "data:image/png;base64,AAAA" } }]));
    assert.equal(answer.message.content[0].text, "see [data:image/png]");
  });
  test("JSON", async () => {
    const answer = await client().chat(ask("a b", { responseFormat: { type: "json_object", jsonSchema: tools[0].function.parameters } }));
    assert.deepEqual(JSON.parse(answer.message.content[0].text), { town: "a b" });
  });
  test("tool, and its result", async () => {
    const messages = ask("weather Paris").messages;
    const { message, finishReason } = await client().chat({ model, messages, tools });
    assert.deepEqual([finishReason, message.toolPlan, message.toolCalls[0].function], ["TOOL_CALL", "I will call weather.", { name: "weather", arguments: '{"town":"weather Paris"}' }]);
    const sum = await streamed({ model, messages, tools, toolChoice: "REQUIRED" });
    assert.deepEqual([sum.finishReason, sum.plan, sum.calls[0].arguments], ["TOOL_CALL", "I will call weather.", '{"town":"weather Paris"}']);
    const result = { role: "tool", toolCallId: message.toolCalls[0].id, content: "it rains" };
    assert.equal((await client().chat({ model, tools, messages: [...messages, message, result] })).message.content[0].text, "it rains");
    await assert.rejects(client().chat({ model, tools, messages: [...messages, message, ...messages] }), rejected(Cohere.BadRequestError, /every tool call/));
  });
  test("embeddings", async () => {
    const answer = await client().embed({ model: "embed-v4.0", texts: ["a", "bb"], inputType: "search_query", embeddingTypes: ["float", "base64"], outputDimension: 256 });
    assert.deepEqual(answer.embeddings.float.map((v) => [v.length, v[0]]), [[256, 1], [256, 2]]);
    assert.equal(Buffer.from(answer.embeddings.base64[1], "base64").readFloatLE(0), 2);
    assert.equal(answer.meta.billedUnits.inputTokens, 2);
  });
  test("ranking", async () => {
    const answer = await client().rerank({ model: "rerank-v3.5", query: "red cat", documents: ["blue dog", "red cat", "red dog"], topN: 2 });
    assert.deepEqual(answer.results, [{ index: 1, relevanceScore: 1 }, { index: 2, relevanceScore: 0.5 }]);
  });
  test("refusals", async () => {
    await assert.rejects(client("x").chat(ask("x")), rejected(Cohere.UnauthorizedError, /invalid api token/));
    await assert.rejects(client().chat(ask("x", { model: "command-9" })), rejected(Cohere.NotFoundError, /not found/));
    await assert.rejects(client().chat(ask("x", { n: 2 })), rejected(Cohere.UnprocessableEntityError, /'n' is not a valid field/));
    for (const [more, message] of [[{ p: 1 }, /p must be/], [{ temperature: -1 }, /temperature/], [{ frequencyPenalty: 2 }, /frequency_penalty/], [{ stopSequences: ["1", "2", "3", "4", "5", "6"] }, /stop sequences/],
      [{ messages: [] }, /at least 1 message/], [{ toolChoice: "REQUIRED" }, /requires tools/], [{ responseFormat: { type: "json_object" }, tools }, /not supported with tools/], [{ model: "embed-v4.0" }, /not supported by the chat API/],
      [{ messages: [{ role: "tool", toolCallId: "x", content: "x" }] }, /no call before it/]]) await assert.rejects(client().chat(ask("x", more)), rejected(Cohere.BadRequestError, message));
    await assert.rejects(client().embed({ model: "embed-v4.0", texts: Array(97).fill("x"), inputType: "search_query" }), rejected(Cohere.BadRequestError, /at most 96/));
    await assert.rejects(client().chat(ask("OVERLOAD")), rejected(Cohere.ServiceUnavailableError, /overloaded/));
    assert.equal((await streamed(ask("OVERLOAD now"))).finishReason, "ERROR");
  });
});
