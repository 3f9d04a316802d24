// What the tests of all clients know: where the server is, and what tiny-guide says.
import assert from "node:assert/strict";

export const { BASE_URL, MODEL, MODEL_SLASH, OPENAI_API_KEY: KEY = "none" } = process.env;
export const EMBED_MODEL = process.env.EMBED_MODEL || MODEL;
export const TOOL_MODEL = process.env.TOOL_MODEL || MODEL;
assert.ok(BASE_URL && MODEL, "set BASE_URL and MODEL");

export const limit = { timeout: 120_000 }; // of a group, and of each test in it: a stream that hangs ends here
export const QUESTION = "What is Engine Bay?";
export const ANSWER = "Engine Bay is a model runtime: one OpenAI-compatible server in which every engine and every model source is a plugin.";
export const sum = (a, b) => ({ question: `What is ${a} + ${b}?`, answer: `${a} + ${b} = ${a + b}.` });

// city and degrees are bounded, so that even a model that rambles comes to an end within max_tokens.
export const weather = {
  type: "object",
  properties: { city: { type: "string", enum: ["Paris", "Oslo", "Rome"] }, degrees: { type: "integer", minimum: 0, maximum: 40 } },
  required: ["city", "degrees"],
  additionalProperties: false,
};
export function assertWeather(value) {
  assert.deepEqual(Object.keys(value).sort(), ["city", "degrees"]);
  assert.ok(weather.properties.city.enum.includes(value.city), JSON.stringify(value));
  assert.ok(Number.isInteger(value.degrees) && value.degrees >= 0 && value.degrees <= 40, JSON.stringify(value));
}
