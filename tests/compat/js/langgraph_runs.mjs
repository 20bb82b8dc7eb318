// Drives runs with LangGraph's own JavaScript client: stream, join, wait, resume, cancel. Prints what it saw.
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl, apiKey] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey });
const told = {};

async function all(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

const thread = await client.threads.create();
let created;
const parts = await all(
  client.runs.stream(thread.thread_id, "echo", {
    input: { messages: [{ role: "user", content: "hello" }] },
    streamMode: ["values", "messages-tuple", "updates"],
    onRunCreated: (run) => { created = run; },
  }),
);
const values = parts.filter((part) => part.event === "values").at(-1).data;
const chunks = parts.filter((part) => part.event === "messages").map((part) => part.data[0]);
told.stream = {
  first: parts[0].event,
  last: parts.at(-1).data.status,
  created: created.run_id === parts[0].data.run_id && created.thread_id === thread.thread_id,
  types: values.messages.map((message) => message.type),
  sameId: chunks.every((chunk) => chunk.id === values.messages.at(-1).id),
  sameText: chunks.map((chunk) => chunk.content).join("") === values.messages.at(-1).content,
};

const again = await all(
  client.runs.joinStream(thread.thread_id, created.run_id, { streamMode: ["values", "messages-tuple", "updates"], lastEventId: "-1" }),
);
told.again = JSON.stringify(again) === JSON.stringify(parts);
const middle = Math.floor(parts.length / 2);
const rest = await all(
  client.runs.joinStream(thread.thread_id, created.run_id, { streamMode: ["values", "messages-tuple", "updates"], lastEventId: parts[middle].id }),
);
told.rest = JSON.stringify(rest) === JSON.stringify(parts.slice(middle + 1));

told.wait = (await client.runs.wait(null, "lg-notes", { input: { n: 3 } })).total;
const run = await client.runs.create(thread.thread_id, "lg-notes", { input: { n: 3 } });
const joined = await client.runs.join(thread.thread_id, run.run_id);
told.join = joined.total ?? joined;
told.listed = (await client.runs.list(thread.thread_id)).map((one) => one.status);

const asked = await client.threads.create();
const waiting = await client.runs.wait(asked.thread_id, "lg-ask", { input: { question: "hm" } });
told.asked = waiting.__interrupt__[0].value.message;
const done = await client.runs.wait(asked.thread_id, "lg-ask", { command: { resume: { choice: "yes" } } });
told.answered = done.messages.map((message) => message.type);

const stopped = await client.threads.create();
const patient = await client.runs.create(stopped.thread_id, "lg-patient", { input: {} });
await client.runs.cancel(stopped.thread_id, patient.run_id, true);
told.cancelled = (await client.runs.get(stopped.thread_id, patient.run_id)).status;

try {
  await client.runs.wait(null, "lg-notes", { input: { n: "three" } });
} catch (error) {
  told.refused = [error.status, String(error.message).includes("n")];
}
try {
  await client.runs.wait(null, "lg-broken", { input: {} });
} catch (error) {
  told.failed = String(error.message).length > 0;
}
console.log(JSON.stringify(told));
