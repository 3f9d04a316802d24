// Hugging Face's client, pointed at a server of one's own.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { InferenceClient } from "@huggingface/inference";
import { ANSWER, BASE_URL, KEY, MODEL, QUESTION, limit } from "./guide.mjs";

const client = new InferenceClient(KEY, { endpointUrl: BASE_URL });
const ask = (more = {}) => ({ model: MODEL, messages: [{ role: "user", content: QUESTION }], temperature: 0, max_tokens: 200, ...more });

describe("huggingface", limit, () => {
  test("chat", async () => assert.equal((await client.chatCompletion(ask())).choices[0].message.content, ANSWER));
  test("stream", async () => {
    const pieces = await Array.fromAsync(client.chatCompletionStream(ask()), (chunk) => chunk.choices[0]?.delta.content ?? "");
    assert.ok(pieces.length > 3);
    assert.equal(pieces.join(""), ANSWER);
  });
  test("errors", () => assert.rejects(client.chatCompletion(ask({ model: "no-such-model" })),
    (error) => error.httpResponse?.status === 404 && JSON.stringify(error).includes("model_not_found")));
});
