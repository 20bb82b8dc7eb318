// OpenAI's client for JavaScript at work: prints what it got.
import OpenAI, { APIError, NotFoundError } from "openai";

const [url, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/openai/v1`, apiKey, maxRetries: 0 });
const told = {};

const models = [];
for await (const model of client.models.list()) models.push(model.id);
told.models = models;

const messages = [{ role: "user", content: "What is a knot?" }];
const whole = await client.chat.completions.create({ model: "echo", messages });
const stream = client.chat.completions.stream({ model: "echo", messages, stream_options: { include_usage: true } });
let pieces = "";
stream.on("content", (piece) => (pieces += piece));
const final = await stream.finalChatCompletion();
told.chat = [whole.choices[0].message.content, pieces, final.choices[0].message.content];
told.usage = [whole.usage.total_tokens, final.usage.total_tokens];

const parameters = {
  type: "object",
  properties: { a: { type: "integer" }, b: { type: "integer" } },
  required: ["a", "b"],
};
const add = { name: "add", parameters, parse: JSON.parse, function: ({ a, b }) => String(a + b) };
const loop = client.chat.completions.runTools({
  model: "oai-caller",
  messages,
  tools: [{ type: "function", function: add }],
  stream: true,
});
told.loop = await loop.finalContent();
told.calls = loop.messages.filter((message) => message.role === "tool").length;

const seen = [];
for await (const event of await client.responses.create({
  model: "oai-talkative",
  input: "Talk",
  background: true,
  stream: true,
})) {
  seen.push(event);
  if (seen.length === 6) break;
}
const id = seen[0].response.id;
const rest = [];
for await (const event of await client.responses.retrieve(id, {
  stream: true,
  starting_after: seen.at(-1).sequence_number,
}))
  rest.push(event);
told.numbers = [...seen, ...rest].map((event) => event.sequence_number);
told.last = rest.at(-1).type;
const later = await client.responses.create({ model: "oai-talkative", input: "Talk", background: true });
told.cancelled = (await client.responses.cancel(later.id)).status;

const first = await client.responses.create({ model: "echo", input: "one" });
const second = await client.responses.create({ model: "echo", input: "two", previous_response_id: first.id });
told.chain = second.previous_response_id === first.id && second.output_text.length > 0;

try {
  await client.chat.completions.create({ model: "nobody", messages });
} catch (error) {
  told.missing = [error instanceof NotFoundError, error.code, error.param, Boolean(error.requestID)];
}
try {
  for await (const _ of await client.chat.completions.create({ model: "oai-broken", messages, stream: true }));
} catch (error) {
  told.broken = [error instanceof APIError, error.type];
}
console.log(JSON.stringify(told));
