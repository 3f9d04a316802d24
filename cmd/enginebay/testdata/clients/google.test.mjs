// Google's client against cmd/provider, the remote API of the tests: what the fake says is what the client reads of the
// real Gemini API.
//
//	PROVIDER_URL=http://127.0.0.1:9999 npm test
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiError, FunctionCallingConfigMode, GoogleGenAI, Type } from "@google/genai";

const url = process.env.PROVIDER_URL;
const options = { timeout: 60_000, skip: url ? false : "PROVIDER_URL is not set" };
const google = (apiKey = "k") => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: `${url}/google`, apiVersion: "v1beta" } });
const model = "gemini-2.5-flash";
const contents = "three words here";
const functionDeclarations = [
  { name: "add", description: "Add.", parameters: { type: Type.OBJECT, properties: { a: { type: Type.INTEGER, minimum: 2 } }, required: ["a"] } },
  { name: "weather", parametersJsonSchema: { type: "object", properties: { city: { type: "string", enum: ["Oslo"] } }, additionalProperties: false } },
];
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const refused = (status, says) => (error) => {
  assert.ok(error instanceof ApiError, `${error.name}: ${error.message}`);
  assert.equal(error.status, status);
  assert.ok(error.message.includes(says), error.message);
  return true;
};

describe("a provider as Google", options, () => {
  const ask = (more = {}, name = model) => google().models.generateContent({ model: name, contents, ...more });

  test("models, page by page", async () => {
    const names = [];
    for await (const m of await google().models.list({ config: { pageSize: 2 } })) names.push(m.name);
    assert.deepEqual(names, ["models/gemini-2.5-flash", "models/gemini-3-pro", "models/gemini-embedding-001"]);
    const one = await google().models.get({ model });
    assert.ok(one.inputTokenLimit > 0 && one.supportedActions.includes("generateContent") && one.displayName);
  });
  test("text", async () => {
    const answer = await ask({ config: { systemInstruction: "Be short.", temperature: 0, topK: 3, seed: 1, maxOutputTokens: 20, stopSequences: ["x"] } });
    assert.equal(answer.text, contents);
    assert.equal(answer.candidates[0].finishReason, "STOP");
    assert.deepEqual([answer.usageMetadata.promptTokenCount, answer.usageMetadata.candidatesTokenCount, answer.usageMetadata.thoughtsTokenCount], [5, 3, 3]);
  });
  test("stream", async () => {
    const pieces = [];
    for await (const chunk of await google().models.generateContentStream({ model, contents })) pieces.push(chunk.text);
    assert.deepEqual(pieces, ["three", " words", " here"]);
  });
  test("image", async () => {
    const answer = await ask({ contents: [{ role: "user", parts: [{ text: "what is" }, { inlineData: { mimeType: "image/png", data: png } }] }] });
    assert.equal(answer.text, "what is image/png 1x1");
  });
  test("calls, and their results", async () => {
    const config = { tools: [{ functionDeclarations }], toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.AUTO } } };
    const said = await ask({ contents: "add weather", config }, "gemini-3-pro");
    assert.deepEqual(said.functionCalls.map((c) => [c.name, c.args]), [["add", { a: 2 }], ["weather", { city: "Oslo" }]]);
    assert.ok(said.candidates[0].content.parts[0].thoughtSignature);
    const results = said.functionCalls.map((c) => ({ functionResponse: { id: c.id, name: c.name, response: { output: 5 } } }));
    const turns = [{ role: "user", parts: [{ text: "add weather" }] }, said.candidates[0].content, { role: "user", parts: results }];
    assert.equal((await ask({ contents: turns, config }, "gemini-3-pro")).text, 'add {"output":5} weather {"output":5}');
    delete turns[1].parts[0].thoughtSignature;
    await assert.rejects(ask({ contents: turns, config }, "gemini-3-pro"), refused(400, "missing a thought_signature"));
  });
  test("JSON by a schema", async () => {
    for (const schema of [{ responseSchema: { type: Type.OBJECT, properties: { a: { type: Type.INTEGER } } } }, { responseJsonSchema: { type: "object", properties: { a: { type: "integer" } } } }]) {
      const answer = await ask({ config: { responseMimeType: "application/json", ...schema } });
      assert.deepEqual(JSON.parse(answer.text), { a: 1 });
    }
  });
  test("thoughts", async () => {
    const answer = await ask({ config: { thinkingConfig: { includeThoughts: true, thinkingBudget: 100 } } });
    assert.deepEqual(answer.candidates[0].content.parts.map((p) => !!p.thought), [true, false]);
    assert.equal(answer.text, contents);
  });
  test("candidates and likelihoods", async () => {
    const answer = await ask({ config: { candidateCount: 2, responseLogprobs: true, logprobs: 2 } });
    assert.equal(answer.candidates.length, 2);
    assert.equal(answer.candidates[1].logprobsResult.topCandidates[2].candidates.length, 2);
  });
  test("blocked and ended", async () => {
    assert.equal((await ask({ contents: "REFUSE" })).promptFeedback.blockReason, "SAFETY");
    assert.equal((await ask({ contents: "a FINISH:SAFETY" })).candidates[0].finishReason, "SAFETY");
  });
  test("embeddings", async () => {
    const answer = await google().models.embedContent({ model: "gemini-embedding-001", contents: ["a", "bb"], config: { outputDimensionality: 3 } });
    assert.deepEqual(answer.embeddings.map((e) => e.values), [[1, 0.5, 0.5], [2, 0.5, 0.5]]);
  });
  test("count", async () => {
    assert.equal((await google().models.countTokens({ model, contents })).totalTokens, 3);
  });
  test("refusals", async () => {
    await assert.rejects(google("x").models.get({ model }), refused(400, "API key not valid"));
    await assert.rejects(ask({}, "gemini-1"), refused(404, "is not found for API version v1beta"));
    await assert.rejects(ask({ config: { temperature: 9 } }), refused(400, "temperature must be in the range"));
    await assert.rejects(async () => {
      for await (const _ of await google().models.generateContentStream({ model, contents: "a OVERLOAD" }));
    }, refused(503, "overloaded"));
  });
});
